//! The API, asked over a socket, in front of pools whose workers never come.

mod hostile;
mod submissions;
mod tasks;

use super::testing::{Answer, Api};

const ID: &str = "0192f0c1-7a3b-7c4d-8e5f-0123456789ab";

/// Submits and gives the id.
async fn submitted(api: &Api, body: &str) -> String {
    let answer = api.submit(body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["tasks"][0]["outcome"], "inserted");
    answer["tasks"][0]["id"].as_str().unwrap().to_owned()
}

fn outcomes(answer: &Answer) -> Vec<String> {
    let answer = answer.json();
    let tasks = answer["tasks"].as_array().unwrap().iter();
    tasks.map(|task| task["outcome"].as_str().unwrap().to_owned()).collect()
}
