//! Submissions: once, again, together, and wrong ones.

use super::super::testing::with_api;
use super::{ID, outcomes, submitted};
use serde_json::{Value, json};

const OTHER: &str = "0192f0c1-7a3b-7c4d-8e5f-0123456789ac";
const NEW: &str = "0192f0c1-7a3b-7c4d-8e5f-0123456789ad";

/// What a chunked body holds.
fn dechunked(body: &str) -> String {
    let (mut left, mut whole) = (body, String::new());
    while let Some((length, rest)) = left.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&rest[..length]);
        left = &rest[length + 2..];
        if length == 0 {
            break;
        }
    }
    whole
}

#[test]
fn a_submission_that_is_sent_again_is_kept_once() {
    with_api(|api| async move {
        let one = format!(r#"{{"id":"{ID}","payload":1}}"#);
        assert_eq!(submitted(&api, &one).await, ID);
        let again = api.submit(&one).await;
        assert_eq!((again.status, outcomes(&again)), (200, vec!["duplicate".to_owned()]));
        let two = format!(r#"{{"tasks":[{{"payload":0}},{one},{{"id":"{OTHER}","payload":2}}]}}"#);
        let more = api.submit(&two).await;
        assert_eq!(
            (more.status, outcomes(&more)),
            (201, ["inserted", "duplicate", "inserted"].map(String::from).to_vec())
        );
        assert_eq!(more.json()["tasks"][2]["id"], OTHER);
        let other = api.submit(&format!(r#"{{"id":"{ID}","payload":7}}"#)).await;
        assert_eq!((other.status, other.code().as_str()), (409, "id_taken"));
        let twice =
            api.submit(&format!(r#"{{"tasks":[{{"id":"{NEW}"}},{{"id":"{NEW}"}}]}}"#)).await;
        assert_eq!((twice.status, twice.code().as_str()), (409, "id_taken"));
        assert_eq!(api.get("/v1/pools").await.json()["pools"][0]["tasks"]["waiting"], 3);
    });
}

#[test]
fn a_key_that_is_kept_gives_the_task_that_has_it() {
    with_api(|api| async move {
        let id = submitted(&api, r#"{"key":"invoice 7"}"#).await;
        let again = api.submit(r#"{"key":"invoice 7"}"#).await;
        assert_eq!(
            (again.status, again.json()),
            (200, json!({"tasks":[{"id":id,"outcome":"duplicate"}]}))
        );
    });
}

#[test]
fn a_batch_is_shown_sent_again_cancelled_and_collected() {
    with_api(|api| async move {
        let body = format!(
            r#"{{"tasks":[{{"id":"{ID}","payload":1}},{{"id":"{OTHER}","payload":2}}],
            "batch":{{"policy":"quorum","quorum":2,"on_complete":{{"payload":"done"}}}}}}"#
        );
        let answer = api.submit(&body).await.json();
        let batch = answer["batch"].as_str().unwrap();
        let again = api.submit(&body).await;
        assert_eq!((again.status, again.json()["batch"].as_str()), (200, Some(batch)));
        let differs = api.submit(&body.replace(OTHER, NEW)).await;
        assert_eq!((differs.status, differs.code().as_str()), (409, "batch_differs"));

        let path = format!("/v1/batches/{batch}");
        let shown = api.get(&path).await.json();
        assert_eq!((&shown["policy"], &shown["quorum"]), (&json!("quorum"), &json!(2)));
        assert_eq!(
            (&shown["state"], &shown["total"], &shown["open"]),
            (&json!("open"), &json!(2), &json!(2))
        );
        let held = shown["on_complete"].as_str().unwrap();
        assert_eq!(api.get(&format!("/v1/tasks/{held}")).await.json()["state"], "held");
        assert_eq!(api.get(&format!("/v1/tasks/{ID}")).await.json()["in_batch"]["id"], *batch);

        assert_eq!(api.post(&format!("{path}/cancel")).await.json()["cancelled"], 2);
        let ended = api.post(&format!("{path}/cancel")).await;
        assert_eq!((ended.status, ended.code().as_str()), (409, "wrong_state"));

        let rows = api.get(&format!("{path}/results")).await;
        assert!(rows.head.contains("application/x-ndjson"), "{rows:?}");
        let rows: Vec<Value> =
            dechunked(&rows.body).lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        let brief = |row: &Value| (row["index"].clone(), row["id"].clone(), row["state"].clone());
        assert_eq!(brief(&rows[0]), (json!(0), json!(ID), json!("cancelled")));
        assert_eq!(brief(&rows[1]), (json!(1), json!(OTHER), json!("cancelled")));
        let array =
            dechunked(&api.get(&format!("{path}/results?format=json&order=completion")).await.body);
        assert_eq!(serde_json::from_str::<Value>(&array).unwrap(), json!(rows));
        let csv = dechunked(&api.get(&format!("{path}/results?format=csv")).await.body);
        assert_eq!(csv.lines().count(), 3, "{csv}");
    });
}

#[test]
fn a_submission_that_is_wrong_is_refused_with_its_code() {
    with_api(|api| async move {
        let too_many = format!("{{\"tasks\":[{}]}}", vec!["{}"; 51].join(","));
        let too_large = format!("{{\"payload\":\"{}\"}}", "x".repeat(1024));
        let long_key = format!("{{\"key\":\"{}\"}}", "x".repeat(1025));
        let far_too_many = format!("{{\"tasks\":[{}]}}", vec!["{}"; 10_001].join(","));
        let table = [
            ("{", 400, "malformed"),
            (r#"{"tasks":[]}"#, 422, "unfit"),
            (r#"{"delay":"-1s"}"#, 422, "unfit"),
            (&too_large, 413, "too_large"),
            (&long_key, 413, "too_large"),
            (&too_many, 429, "queue_full"),
            (&far_too_many, 429, "queue_full"),
        ];
        for (body, status, code) in table {
            let answer = api.submit(body).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{body:.80}");
            assert_eq!(answer.head.contains("retry-after: 1"), status == 429);
        }
        let json = "content-type: application/json\r\n";
        for pool in ["x", "..%2f..%2fetc", "thumbnails%00", "Thumbnails"] {
            let answer = api.ask("POST", &format!("/v1/pools/{pool}/tasks"), json, "{}").await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "no_pool"), "{pool}");
            assert!(answer.body.contains("there are: thumbnails"), "{answer:?}");
        }
        for kind in [
            "",
            "content-type: text/plain\r\n",
            "content-type: application/x-www-form-urlencoded\r\n",
        ] {
            let answer = api.ask("POST", "/v1/pools/thumbnails/tasks", kind, "{}").await;
            assert_eq!((answer.status, answer.code().as_str()), (415, "unknown_content_type"));
        }
        assert_eq!(
            api.get("/v1/pools").await.json()["pools"][0]["tasks"],
            json!({}),
            "nothing was kept"
        );
    });
}
