//! Clients that are slow, hostile, or browsers.

use super::super::testing::{read, with_api};
use super::submitted;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

#[test]
fn a_browser_is_refused_whatever_it_asks() {
    with_api(|api| async move {
        for (method, path) in
            [("GET", "/v1/tasks"), ("POST", "/v1/pools/thumbnails/tasks"), ("GET", "/x")]
        {
            let headers = "origin: http://evil.example\r\ncontent-type: application/json\r\n";
            let answer = api.ask(method, path, headers, "{}").await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "browser"),
                "{method} {path}"
            );
        }
        // Whatever name the host is asked under: there is only one behind a Unix socket.
        let answer = api.raw(b"GET /v1/health HTTP/1.1\r\nhost: evil.example\r\n\r\n").await;
        assert_eq!(answer.unwrap().status, 200);
    });
}

#[test]
fn a_request_that_is_no_http_ends_its_connection_and_nothing_else() {
    with_api(|api| async move {
        let many = format!("GET /v1/health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
        let long = format!("GET /v1/health HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(100_000));
        let smuggled = b"POST /v1/pools/thumbnails/tasks HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
            transfer-encoding: chunked\r\n\r\n0\r\n\r\nPOST /v1/pools/thumbnails/tasks HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
        let requests: [&[u8]; 8] = [
            b"\0\xff\0\xff\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
            b"GET /v1/health HTTP/3.7\r\n\r\n",
            b"GET /v1/health HTTP/1.1\r\na b\r\n\r\n",
            b"POST /v1/pools/thumbnails/tasks HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            many.as_bytes(),
            long.as_bytes(),
            smuggled,
        ];
        for request in requests {
            let answer = api.raw(request).await;
            let refused = answer.as_ref().is_none_or(|answer| (400..500).contains(&answer.status));
            assert!(refused, "{:.60}: {answer:?}", String::from_utf8_lossy(request));
        }
        // One request a connection: what comes behind it is not heard.
        let two =
            b"GET /v1/health HTTP/1.1\r\n\r\nPOST /v1/pools/thumbnails/tasks HTTP/1.1\r\n\r\n";
        let answer = api.raw(two).await.unwrap();
        assert_eq!((answer.status, answer.body.matches("HTTP/1.1").count()), (200, 0));
        assert_eq!(api.get("/v1/pools").await.json()["pools"][0]["tasks"], json!({}));
    });
}

#[test]
fn a_body_that_claims_too_much_comes_too_slowly_or_not_wholly_is_refused() {
    let head = "POST /v1/pools/thumbnails/tasks HTTP/1.1\r\ncontent-type: application/json\r\n";
    with_api(|api| async move {
        for claim in [33_u64 << 20, 1 << 62] {
            let claimed =
                api.raw(format!("{head}content-length: {claim}\r\n\r\n").as_bytes()).await;
            assert_eq!(claimed.unwrap().code(), "too_large");
        }

        let mut silent = api.connect();
        let begun = Instant::now();
        let half = format!("{head}content-length: 9\r\n\r\n{{");
        silent.write_all(half.as_bytes()).await.unwrap();
        assert_eq!(read(&mut silent).await.unwrap().code(), "too_slow");
        assert_eq!(begun.elapsed().as_secs(), 10);

        let mut gone = api.connect();
        gone.write_all(half.as_bytes()).await.unwrap();
        drop(gone);
        assert_eq!(api.get("/v1/pools").await.json()["pools"][0]["tasks"], json!({}));
    });
}

#[test]
fn a_body_that_trickles_has_a_minute() {
    with_api(|api| async move {
        let mut slow = api.connect();
        let head = "POST /v1/pools/thumbnails/tasks HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n";
        slow.write_all(head.as_bytes()).await.unwrap();
        let begun = Instant::now();
        for _ in 0..7 {
            sleep(Duration::from_secs(9)).await;
            // The last comes after the answer.
            let _too_late = slow.write_all(b" ").await;
        }
        assert_eq!(read(&mut slow).await.unwrap().code(), "too_slow");
        assert_eq!(begun.elapsed().as_secs(), 63);
    });
}

#[test]
fn a_head_that_is_not_there_in_ten_seconds_and_a_connection_that_says_nothing_in_sixty_are_cut_off()
{
    with_api(|api| async move {
        let begun = Instant::now();
        let mut slow = api.connect();
        slow.write_all(b"GET /v1/health HTTP/1.1\r\nx").await.unwrap();
        assert!(read(&mut slow).await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 10);
        let begun = Instant::now();
        assert!(read(&mut api.connect()).await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 60);
    });
}

#[test]
fn bodies_share_their_room() {
    with_api(|api| async move {
        let all = api.visit.bodies.clone();
        let room = u32::try_from(all.available_permits()).unwrap();
        let held = all.acquire_many_owned(room).await.unwrap();
        let busy = api.submit("{}").await;
        assert_eq!((busy.status, busy.code().as_str()), (503, "busy"));
        assert!(busy.head.contains("retry-after"), "{busy:?}");
        drop(held);
        submitted(&api, "{}").await;
    });
}
