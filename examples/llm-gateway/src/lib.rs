//! An OpenAI-compatible gateway for language-model providers, as an example of a service
//! instrumented with `stagelight`, and a simulated provider to run it with.
//!
//! A request for a completion has five stages:
//!
//! | stage | work | file |
//! |---|---|---|
//! | `auth_validation` | the API key is checked, before anything is read | `gateway.rs` |
//! | `request_parsing` | the body is read and checked | `chat.rs` |
//! | `request_preparation` | the provider is found, its request is made | `chat.rs` |
//! | `backend_fetch` | the request is sent, up to the response head | `chat.rs` |
//! | `stream_processing` | the response body is passed on, up to its last byte | `relay.rs` |
//!
//! The program is `main.rs`. The library has its parts, for tests and demonstrations that run
//! several servers in one process:
//!
//! ```
//! use llm_gateway::{GatewayConfig, Server, upstream::{Upstream, UpstreamConfig}};
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let upstream = Upstream::start(UpstreamConfig::default(), listener)?;
//! let config = GatewayConfig::embedded()?.with_upstream(&upstream.url())?;
//! let config = config.with_api_keys(["a-key"]);
//!
//! let telemetry = stagelight::init()?;
//! let app = llm_gateway::app(config, &telemetry)?;
//! let gateway = Server::start(TcpListener::bind("127.0.0.1:0").await?, app)?;
//! println!("{}/v1/chat/completions", gateway.url());
//! # let patience = std::time::Duration::from_secs(1);
//! gateway.shutdown(patience).await?;
//! # telemetry.shutdown().await.ok();
//! # Ok(())
//! # }
//! ```

mod gateway;
mod chat;
mod relay;
mod tokens;
mod slow;
mod error;
mod config;
mod keys;
pub mod openai;
mod server;
pub mod upstream;

pub use self::{
    config::{ConfigError, GatewayConfig},
    error::ApiError,
    gateway::app,
    keys::{ApiKeys, Secret},
    server::{BindError, Server, ServerError, bind},
    slow::{Slow, SlowError},
};
