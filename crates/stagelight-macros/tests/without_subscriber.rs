//! The attributes in a process without a subscriber: one test alone, because another test's
//! subscriber would enable the spans of all threads.

use stagelight::stage;

#[tokio::test]
async fn nothing_is_evaluated_and_the_body_still_runs() {
    fn evaluated() -> u8 {
        panic!("evaluated");
    }
    #[stage("x", fields(never = evaluated()))]
    fn unobserved() -> Result<u8, u8> {
        Err(7)
    }
    #[stage("x", fields(never = evaluated()))]
    async fn unobserved_async() -> Result<u8, u8> {
        Err(7)
    }
    assert_eq!(unobserved(), Err(7));
    assert_eq!(unobserved_async().await, Err(7));
}
