//! The simulated upstream by itself.

use std::time::{Duration, SystemTime};

use llm_gateway::upstream::Counts;
use serde_json::{Value, json};

use crate::support::{MODEL, ask, client, events, post, until, upstream};

#[tokio::test]
async fn a_stream_is_one_chunk_per_token_then_the_end() {
    let upstream = upstream(1).await;
    let request =
        post(&upstream.url(), "tokens=3,token-interval=1ms", &ask(json!({"stream": true})));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");

    let text = response.text().await.unwrap();
    let mut events = events(&text);
    assert_eq!(events.pop(), Some("[DONE]"));
    let chunks: Vec<Value> = events.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let choices: Vec<_> = chunks.iter().map(|it| &it["choices"][0]).collect();
    let contents: Vec<_> = choices.iter().map(|it| &it["delta"]["content"]).collect();
    assert_eq!(contents, [&json!("light"), &json!(" falls"), &json!(" on"), &Value::Null]);
    assert_eq!(choices[0]["delta"]["role"], "assistant");
    assert_eq!(choices[2]["finish_reason"], Value::Null);
    assert_eq!(choices[3]["finish_reason"], "stop");
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["model"], MODEL);
        assert_eq!(chunk["usage"], Value::Null);
    }
}

#[tokio::test]
async fn a_stream_tells_its_usage_when_asked() {
    let upstream = upstream(1).await;
    let body = ask(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let response = post(&upstream.url(), "tokens=3", &body).send().await.unwrap();
    let text = response.text().await.unwrap();
    let events = events(&text);
    let last: Value = serde_json::from_str(events[events.len() - 2]).unwrap();
    assert_eq!(last["choices"], json!([]));
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6});
    assert_eq!(last["usage"], usage);
}

#[tokio::test]
async fn a_whole_reply_has_the_text_and_the_usage() {
    let upstream = upstream(1).await;
    let response = post(&upstream.url(), "tokens=3", &ask(json!({}))).send().await.unwrap();
    let reply: Value = response.json().await.unwrap();
    assert_eq!(reply["object"], "chat.completion");
    let message = json!({"role": "assistant", "content": "light falls on", "refusal": null});
    assert_eq!(reply["choices"][0]["message"], message);
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6});
    assert_eq!(reply["usage"], usage);
}

#[tokio::test]
async fn a_token_limit_cuts_the_reply() {
    let upstream = upstream(1).await;
    let request = post(&upstream.url(), "tokens=3", &ask(json!({"max_tokens": 2})));
    let reply: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["choices"][0]["message"]["content"], "light falls");
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_replies_in_the_same_order() {
    async fn replies(seed: u64) -> Vec<String> {
        let upstream = upstream(seed).await;
        let mut replies = Vec::new();
        for _ in 0..5 {
            // Without `x-sim`, so that everything is drawn.
            let url = format!("{}/v1/chat/completions", upstream.url());
            let request = client().post(url).json(&ask(json!({"stream": true})));
            replies.push(request.send().await.unwrap().text().await.unwrap());
        }
        replies
    }
    let (first, again, other) = tokio::join!(replies(5), replies(5), replies(6));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test]
async fn controls_set_the_time_of_the_head_and_of_the_body() {
    let upstream = upstream(1).await;
    let sim = "ttft=60ms,tokens=3,token-interval=10ms,stall-after=1:50ms";
    let started = SystemTime::now();
    let request = post(&upstream.url(), sim, &ask(json!({"stream": true})));
    let response = request.send().await.unwrap();
    assert!(Duration::from_millis(60) <= started.elapsed().unwrap());
    let head = SystemTime::now();
    drop(response.text().await.unwrap());
    // The head is a little older than its arrival.
    assert!(Duration::from_millis(60) <= head.elapsed().unwrap());
}

#[tokio::test]
async fn controls_make_it_fail_with_a_status() {
    let upstream = upstream(1).await;
    for (status, code) in [(429, "rate_limit_exceeded"), (500, "simulated"), (418, "simulated")] {
        let sim = format!("ttft=0s,error={status}");
        let response = post(&upstream.url(), &sim, &ask(json!({}))).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("retry-after"), status == 429);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], code);
    }
}

#[tokio::test]
async fn controls_break_the_connection_after_some_tokens() {
    let upstream = upstream(1).await;
    let sim = "tokens=5,token-interval=5ms,break-after=2";
    let request = post(&upstream.url(), sim, &ask(json!({"stream": true})));
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
            Ok(None) => panic!("ended without an error: {text}"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(events(&text).len(), 2);

    let whole = post(&upstream.url(), sim, &ask(json!({}))).send().await.unwrap();
    assert!(whole.text().await.is_err());
}

#[tokio::test]
async fn what_it_does_not_understand_is_refused() {
    let upstream = upstream(1).await;
    for (sim, body, status, part) in [
        ("speed=9", ask(json!({})), 400, "cannot understand \\\"speed=9\\\""),
        ("", ask(json!({"model": "other"})), 404, "does not exist"),
        ("", ask(json!({"messages": []})), 400, "\"param\":\"messages\""),
    ] {
        let response = post(&upstream.url(), sim, &body).send().await.unwrap();
        assert_eq!(response.status(), status);
        let text = response.text().await.unwrap();
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(upstream.counts(), Counts::default());
}

#[tokio::test]
async fn it_lists_its_models() {
    let upstream = upstream(1).await;
    let response = client().get(format!("{}/v1/models", upstream.url())).send().await.unwrap();
    let list: Value = response.json().await.unwrap();
    let expected = json!({"object": "list", "data": [{"id": MODEL, "object": "model"}]});
    assert_eq!(list, expected);
}

#[tokio::test]
async fn a_caller_that_goes_away_is_counted() {
    let upstream = upstream(1).await;
    let body = ask(json!({"stream": true}));
    let mut response =
        post(&upstream.url(), "tokens=9,token-interval=5s", &body).send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    assert_eq!(upstream.counts(), Counts { requests: 1, completed: 0, cancelled: 0 });
    drop(response);
    until(|| upstream.counts() == Counts { requests: 1, completed: 0, cancelled: 1 }).await;

    let request = post(&upstream.url(), "ttft=5s", &body).timeout(Duration::from_millis(50));
    assert!(request.send().await.unwrap_err().is_timeout());
    until(|| upstream.counts() == Counts { requests: 2, completed: 0, cancelled: 2 }).await;
}

#[tokio::test]
async fn shutting_down_waits_for_the_replies_under_way() {
    let upstream = upstream(1).await;
    let body = ask(json!({"stream": true}));
    let response =
        post(&upstream.url(), "tokens=5,token-interval=20ms", &body).send().await.unwrap();
    let (ended, text) = tokio::join!(upstream.shutdown(Duration::from_secs(5)), response.text());
    ended.unwrap();
    assert!(text.unwrap().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn shutting_down_waits_no_longer_than_told() {
    let upstream = upstream(1).await;
    let body = ask(json!({"stream": true}));
    let response = post(&upstream.url(), "tokens=5,token-interval=5s", &body).send().await.unwrap();
    let error = upstream.shutdown(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "requests were still under way after 50ms");
    drop(response);
}
