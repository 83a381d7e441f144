//! Every kind of function that an attribute can stand on.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;

use stagelight::stage;

use crate::recorder::{block_on, recorded, recorded_async, recording};
use crate::stages::pend_once;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

struct Service {
    items: Vec<u8>,
}

impl Service {
    #[stage("x")]
    fn by_ref(&self) -> &[u8] {
        &self.items
    }

    #[stage("x")]
    fn by_mut(&mut self, item: u8) -> &mut Vec<u8> {
        self.items.push(item);
        &mut self.items
    }

    #[stage("x")]
    fn by_value(self) -> Vec<u8> {
        self.items
    }

    #[stage("x")]
    async fn by_ref_async(&self) -> &[u8] {
        pend_once().await;
        &self.items
    }

    #[stage("x")]
    async fn by_mut_async(&mut self, item: u8) -> &mut Vec<u8> {
        self.items.push(item);
        pend_once().await;
        &mut self.items
    }

    #[stage("x")]
    async fn by_value_async(self) -> Vec<u8> {
        self.items
    }
}

#[test]
fn methods_lend_and_give_away() {
    let lines = recorded_async(|| async {
        let mut service = Service { items: vec![1] };
        service.by_mut(2).push(3);
        service.by_mut_async(4).await.push(5);
        assert_eq!(service.by_ref(), [1, 2, 3, 4, 5]);
        assert_eq!(service.by_ref_async().await, [1, 2, 3, 4, 5]);
        assert_eq!(Service { items: vec![6] }.by_value(), [6]);
        assert_eq!(service.by_value_async().await, [1, 2, 3, 4, 5]);
    });
    assert_eq!(lines.iter().filter(|it| it.starts_with("open")).count(), 6);
}

#[test]
fn generics_lifetimes_and_patterns_stay_as_they_are() {
    #[stage("x")]
    fn longest<'a, T, const N: usize>(all: [&'a T; N], (mut least, _): (usize, u8)) -> Option<&'a T>
    where
        T: AsRef<str> + ?Sized,
    {
        least += 1;
        all.into_iter().filter(|it| least <= it.as_ref().len()).max_by_key(|it| it.as_ref().len())
    }
    recorded(|| assert_eq!(longest(["a", "ccc", "bb"], (0, 0)), Some("ccc")));
}

#[test]
fn impl_trait_is_taken_and_returned() {
    #[stage("x")]
    fn doubled(items: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
        items.map(|it| it * 2)
    }
    #[stage("x")]
    async fn doubled_async(items: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
        items.map(|it| it * 2)
    }
    recorded_async(|| async {
        assert_eq!(doubled([1, 2].into_iter()).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(doubled_async([1, 2].into_iter()).await.collect::<Vec<_>>(), [2, 4]);
    });
}

#[test]
fn the_declared_type_coerces_what_is_returned() {
    #[stage("x")]
    fn boxed(small: bool) -> Box<dyn Fn() -> u8> {
        if small {
            return Box::new(|| 1);
        }
        Box::new(|| 2)
    }
    #[stage("x")]
    async fn boxed_async(small: bool) -> Box<dyn Fn() -> u8> {
        if small {
            return Box::new(|| 1);
        }
        Box::new(|| 2)
    }
    recorded_async(|| async {
        assert_eq!(boxed(true)() + boxed(false)(), 3);
        assert_eq!((boxed_async(true).await)() + (boxed_async(false).await)(), 3);
    });
}

#[test]
fn a_function_that_never_returns_closes_its_span_when_it_unwinds() {
    #[stage("x")]
    fn never() -> ! {
        panic!("on purpose")
    }
    #[stage("x")]
    async fn never_async() -> ! {
        panic!("on purpose")
    }
    #[stage("x")]
    fn infallible() -> Result<u8, Infallible> {
        Ok(1)
    }
    for act in [|| never(), || block_on(never_async())] {
        let lines = recorded(|| {
            catch_unwind(AssertUnwindSafe(act)).map(|never: Infallible| never).unwrap_err()
        });
        assert!(lines.last().unwrap().starts_with("close never"), "{lines:?}");
        assert!(!lines.iter().any(|it| it.starts_with("record")), "{lines:?}");
    }
    recorded(|| assert_eq!(infallible(), Ok(1)));
}

#[test]
fn a_trait_has_default_bodies_and_async_functions() {
    trait Handler {
        #[stage("default")]
        fn handle(&self) -> u8 {
            1
        }

        fn handle_async(&self) -> impl Future<Output = u8>;
    }
    struct Own;
    impl Handler for Own {
        #[stage("own")]
        async fn handle_async(&self) -> u8 {
            2
        }
    }
    let lines = recorded_async(|| async {
        assert_eq!(Own.handle(), 1);
        assert_eq!(Own.handle_async().await, 2);
    });
    assert_eq!(lines[0], "open handle stage=default");
    assert_eq!(lines[4], "open handle_async stage=own");
}

#[test]
fn a_boxed_async_block_is_measured_while_it_runs_and_not_while_it_is_made() {
    trait Handler {
        fn handle<'a>(
            &'a self,
            input: &'a str,
        ) -> Pin<Box<dyn Future<Output = Result<usize, String>> + Send + 'a>>;
    }
    struct Own;
    impl Handler for Own {
        #[stage("own", fields(input))]
        fn handle<'a>(
            &'a self,
            input: &'a str,
        ) -> Pin<Box<dyn Future<Output = Result<usize, String>> + Send + 'a>> {
            let input = input.trim();
            Box::pin(async move {
                tracing::Span::current().record("input", input);
                pend_once().await;
                input.parse::<usize>().map_err(|_| "not a number")?;
                Ok(input.len())
            })
        }
    }
    recording(|recorder| {
        let future = Own.handle(" b ");
        assert!(recorder.take().is_empty());
        assert_eq!(block_on(future), Err("not a number".to_owned()));
        assert_eq!(
            recorder.take(),
            [
                "open handle stage=own",
                "enter handle",
                "record handle input=b",
                "exit handle",
                "enter handle",
                "exit handle",
                "record handle error.type=alloc::string::String",
                "enter handle",
                "exit handle",
                "close handle",
            ]
        );
    });
}

#[test]
fn methods_of_async_trait_are_measured_while_they_run() {
    #[async_trait::async_trait]
    trait Handler {
        async fn handle(&self, input: &str) -> Result<usize, String>;

        #[stage("default")]
        async fn handle_any(&self) -> bool {
            self.handle("b").await.is_ok()
        }
    }
    struct Own {
        base: usize,
    }
    #[async_trait::async_trait]
    impl Handler for Own {
        #[stage("own", fields(base = self.base, input = %input))]
        async fn handle(&self, input: &str) -> Result<usize, String> {
            let number: usize = input.parse().map_err(|_| "not a number")?;
            Ok(self.base + number)
        }
    }
    let lines = recorded_async(|| async { assert!(!Own { base: 1 }.handle_any().await) });
    assert_eq!(
        lines[..4],
        [
            "open handle_any stage=default",
            "enter handle_any",
            "open handle stage=own base≈1 input≈b in handle_any",
            "enter handle",
        ]
    );
    assert!(lines.contains(&"record handle error.type=alloc::string::String".to_owned()));
}

#[test]
fn a_function_may_be_recursive_or_made_by_a_macro() {
    #[stage("x")]
    async fn factorial(n: u64) -> u64 {
        if n == 0 {
            return 1;
        }
        n * Box::pin(factorial(n - 1)).await
    }
    macro_rules! adds {
        ($name:ident, $stage:expr, $by:expr) => {
            #[stage($stage, fields(by = $by))]
            fn $name(number: u8) -> u8 {
                number + $by
            }
        };
    }
    adds!(add_three, "three", 3);

    recorded_async(|| async { assert_eq!(factorial(5).await, 120) });
    let lines = recorded(|| assert_eq!(add_three(1), 4));
    assert_eq!(lines[0], "open add_three stage=three by≈3");
}

/// What the futures crate calls `FutureExt`.
trait Boxed: Future + Send + Sized {
    fn boxed<'a>(self) -> BoxFuture<'a, Self::Output>
    where
        Self: 'a,
    {
        Box::pin(self)
    }
}

impl<F: Future + Send> Boxed for F {}

#[test]
fn other_ways_to_hand_out_an_async_block_are_known() {
    #[expect(clippy::manual_async_fn, reason = "it is what is tested")]
    #[stage("x")]
    fn plain() -> impl Future<Output = Result<u8, String>> {
        async { Err("plain")? }
    }
    #[stage("x")]
    fn alias<'a>(fail: &'a str) -> BoxFuture<'a, Result<u8, String>> {
        Box::pin(async move {
            let number = fail.parse::<u8>().map_err(|_| "not a number")?;
            Ok(number)
        })
    }
    #[stage("x")]
    fn method() -> BoxFuture<'static, Result<u8, String>> {
        async { Err("method")? }.boxed()
    }
    #[stage("x")]
    fn cast() -> Pin<Box<dyn Future<Output = Result<u8, String>>>> {
        (Box::pin(async move {
            let not_send = Rc::new("cast");
            pend_once().await;
            Err(not_send.to_string())
        })) as Pin<Box<dyn Future<Output = Result<u8, String>>>>
    }
    for lines in [
        recorded_async(plain),
        recorded_async(|| alias("b")),
        recorded_async(method),
        recorded_async(cast),
    ] {
        assert!(
            lines.iter().any(|it| it.ends_with("error.type=alloc::string::String")),
            "{lines:?}"
        );
    }
}

#[test]
fn an_async_function_is_send_if_its_body_is() {
    #[stage("x")]
    async fn sends(value: &str) -> usize {
        pend_once().await;
        value.len()
    }
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    let value = String::from("abc");
    recorded_async(|| async { assert_eq!(is_send(sends(&value)).await, 3) });
}

#[test]
fn what_the_body_owns_is_dropped_inside_the_span() {
    struct Noisy;
    impl Drop for Noisy {
        fn drop(&mut self) {
            tracing::info_span!("dropped");
        }
    }
    #[stage("x")]
    fn owner(noisy: Noisy) {
        let _noisy = noisy;
    }
    #[stage("x")]
    async fn waits(noisy: Noisy) {
        let _noisy = noisy;
        std::future::pending().await
    }
    assert_eq!(recorded(|| owner(Noisy))[2], "open dropped in owner");
    let cancelled = recorded_async(|| async {
        tokio::select! {
            biased;
            () = waits(Noisy) => {}
            () = pend_once() => {}
        }
    });
    assert!(cancelled.contains(&"open dropped in waits".to_owned()), "{cancelled:?}");
    assert_eq!(cancelled.last().unwrap(), "close waits");
}
