//! Tasks one by one, as a list, and waited for.

use super::super::testing::with_api;
use super::{ID, outcomes, submitted};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[test]
fn a_task_is_submitted_shown_listed_cancelled_and_retried() {
    with_api(|api| async move {
        let body =
            r#"{"payload":{"file":"a.png"},"type":"resize","key":"k","priority":7,"delay":"1h"}"#;
        let id = submitted(&api, body).await;
        let shown = api.get(&format!("/v1/tasks/{id}")).await;
        assert_eq!(shown.status, 200);
        assert!(shown.head.to_lowercase().contains("connection: close"), "{shown:?}");
        let shown = shown.json();
        let expected = json!({
            "id": id, "pool": "thumbnails", "type": "resize", "state": "waiting", "key": "k",
            "priority": 7, "tries": 0, "attempts": 0, "crashes": 0, "snoozes": 0,
            "payload": {"file": "a.png"}, "payload_bytes": 12, "history": [],
            "created": shown["created"], "not_before": shown["not_before"],
        });
        assert_eq!(shown, expected);
        assert!(shown["not_before"].as_str() > shown["created"].as_str());

        let list =
            api.get("/v1/tasks?pool=thumbnails&state=waiting&type=resize&limit=5").await.json();
        assert_eq!(list["tasks"][0]["id"], *id);
        assert_eq!(list["pools"][0]["durability"], "memory");
        assert_eq!(list["pools"][0]["tasks"], json!({"waiting": 1}));
        let none = api.get("/v1/tasks?state=dead").await.json();
        assert_eq!(none["tasks"], json!([]));

        let path = |verb: &str| format!("/v1/tasks/{id}/{verb}");
        assert_eq!(api.post(&path("retry")).await.code(), "wrong_state");
        assert_eq!(api.post(&path("cancel")).await.json()["state"], "cancelled");
        let again = api.post(&path("cancel")).await;
        assert_eq!((again.status, again.code().as_str()), (409, "wrong_state"));
        assert_eq!(api.post(&path("retry")).await.json()["state"], "waiting");
        assert_eq!(api.get(&path("result")).await.code(), "no_result");
    });
}

#[test]
fn pages_of_a_list_join_without_a_gap() {
    with_api(|api| async move {
        let tasks = ["{}"; 5].join(",");
        let answer = api.submit(&format!("{{\"tasks\":[{tasks}]}}")).await;
        assert_eq!(outcomes(&answer), vec!["inserted"; 5]);
        let mut ids: Vec<Value> =
            answer.json()["tasks"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
        for order in ["oldest", "newest"] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let path = format!("/v1/tasks?limit=2&order={order}&after={after}");
                let page = api.get(&path).await.json();
                seen.extend(page["tasks"].as_array().unwrap().iter().map(|it| it["id"].clone()));
                match page["next"].as_str() {
                    Some(next) => after = next.to_owned(),
                    None => break,
                }
            }
            assert_eq!(seen, ids, "{order}");
            ids.reverse();
        }
    });
}

#[test]
fn health_says_who_answers() {
    with_api(|api| async move {
        let health = api.get("/v1/health").await.json();
        assert_eq!(health["status"], "ok");
        assert_eq!(health["pid"], std::process::id());
        assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    });
}

#[test]
fn what_is_wrong_is_refused_with_its_code() {
    with_api(|api| async move {
        let task = format!("/v1/tasks/{ID}");
        let batch = format!("/v1/batches/{ID}");
        let table = [
            ("GET", "/", 404, "no_route"),
            ("GET", "/v1", 404, "no_route"),
            ("GET", "/v1/tasks/", 404, "no_route"),
            ("GET", "//v1/tasks", 404, "no_route"),
            ("GET", "/v1/../v1/tasks", 404, "no_route"),
            ("DELETE", "/v1/tasks", 405, "wrong_method"),
            ("POST", "/v1/tasks", 405, "wrong_method"),
            ("GET", "/v1/pools/thumbnails/tasks", 405, "wrong_method"),
            ("GET", "/v1/tasks/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, "no_task"),
            ("GET", "/v1/tasks/%00", 404, "no_task"),
            ("GET", "/v1/tasks/%ff", 400, "malformed"),
            ("GET", "/v1/tasks/7", 404, "no_task"),
            ("GET", &task, 404, "no_task"),
            ("GET", &format!("{task}/result"), 404, "no_task"),
            ("POST", &format!("{task}/retry"), 404, "no_task"),
            ("POST", &format!("{task}/cancel"), 404, "no_task"),
            ("GET", &format!("{task}?wait=5"), 400, "bad_parameter"),
            ("GET", &format!("{task}?wait=2h"), 400, "bad_parameter"),
            ("GET", &format!("{task}?wiat=5s"), 400, "unknown_parameter"),
            ("GET", &batch, 404, "no_batch"),
            ("POST", &format!("{batch}/cancel"), 404, "no_batch"),
            ("GET", &format!("{batch}/results"), 404, "no_batch"),
            ("GET", &format!("{batch}/results?format=xml"), 400, "bad_parameter"),
            ("GET", &format!("{batch}/results?order=random"), 400, "bad_parameter"),
            ("GET", "/v1/tasks?state=done", 400, "bad_parameter"),
            ("GET", "/v1/tasks?limit=0", 400, "bad_parameter"),
            ("GET", "/v1/tasks?limit=1001", 400, "bad_parameter"),
            ("GET", "/v1/tasks?after=x", 400, "bad_parameter"),
            ("GET", "/v1/tasks?limit=1&limit=2", 400, "bad_parameter"),
            ("GET", "/v1/health?x", 400, "unknown_parameter"),
        ];
        for (method, path, status, code) in table {
            let answer = api.ask(method, path, "", "").await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
        }
    });
}

#[test]
fn who_waits_hears_of_the_end_or_after_the_time_how_it_stands() {
    with_api(|api| async move {
        let id = submitted(&api, "{}").await;
        let path = format!("/v1/tasks/{id}?wait=30s");
        let begun = Instant::now();
        assert_eq!(api.get(&path).await.json()["state"], "waiting");
        assert_eq!(begun.elapsed().as_secs(), 30);

        let begun = Instant::now();
        let (shown, cancelled) = tokio::join!(api.get(&path), async {
            sleep(Duration::from_secs(5)).await;
            api.post(&format!("/v1/tasks/{id}/cancel")).await
        });
        assert_eq!((cancelled.status, shown.json()["state"].as_str()), (200, Some("cancelled")));
        assert_eq!(begun.elapsed().as_secs(), 5);

        let begun = Instant::now();
        assert_eq!(api.get(&path).await.json()["state"], "cancelled");
        assert_eq!(begun.elapsed().as_secs(), 0);
    });
}

#[test]
fn where_too_many_wait_already_the_answer_comes_at_once() {
    with_api(|api| async move {
        let id = submitted(&api, "{}").await;
        let path = format!("/v1/tasks/{id}?wait=30s");
        let begun = Instant::now();
        let third = async {
            sleep(Duration::from_secs(1)).await;
            let shown = api.get(&path).await;
            (shown, begun.elapsed().as_secs())
        };
        let (_, _, (third, after)) = tokio::join!(api.get(&path), api.get(&path), third);
        assert_eq!((third.json()["state"].as_str(), after), (Some("waiting"), 1));
    });
}
