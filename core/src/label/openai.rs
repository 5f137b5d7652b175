//! The endpoint over HTTP: a prompt goes to an OpenAI-compatible server, its answer comes back.
//!
//! The only part of [`super`] that opens a connection; it exists only when the user has named an address.

use std::time::Duration;

use ureq::{Agent, Proxy};

use super::endpoint::{Ask, LABEL_TOKENS, MOST_ANSWER, answer_text, clean, request_address, request_body};
use crate::error::{Error, Result};

/// A server and a model on it.
pub struct OpenAi {
    address: String,
    model: String,
    key: Option<String>,
    agent: Agent,
    most_tokens: usize,
}

impl OpenAi {
    /// `base` such as `http://localhost:8080/v1`; `key` goes into the header `Authorization`, and nowhere else.
    ///
    /// # Errors
    /// When the address is none, or would send reports over a network without encryption.
    pub fn new(base: &str, model: &str, key: Option<String>, patience: Duration) -> Result<Self> {
        let address = request_address(base)?;
        let is_secure = address.starts_with("https://");
        let agent = Agent::config_builder()
            .https_only(is_secure)
            // A server on this machine is asked directly: a proxy would carry the reports away unencrypted.
            .proxy(if is_secure { Proxy::try_from_env() } else { None })
            .http_status_as_error(false)
            // A redirect could carry reports and key to another host.
            .max_redirects(0)
            .timeout_global(Some(patience))
            .build()
            .new_agent();
        Ok(Self { address, model: model.to_owned(), key, agent, most_tokens: LABEL_TOKENS })
    }

    /// The same for answers of at most so many tokens; a label needs few.
    #[must_use]
    pub fn with_answers_of(self, most_tokens: usize) -> Self {
        Self { most_tokens, ..self }
    }

    fn failed(&self, reason: impl std::fmt::Display) -> Error {
        Error::Invalid(format!("{} did not answer ({reason}); check the address and try again", self.address))
    }
}

impl Ask for OpenAi {
    fn place(&self) -> &str {
        &self.address
    }

    fn ask(&self, prompt: &str) -> Result<String> {
        let mut request = self.agent.post(&self.address).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", &format!("Bearer {key}"));
        }
        let mut answer =
            request.send(request_body(&self.model, prompt, self.most_tokens)).map_err(|error| self.failed(error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MOST_ANSWER as u64).read_to_string();
        match (status, body) {
            (200, Ok(body)) => answer_text(&body),
            (200, Err(error)) => Err(self.failed(error)),
            (300..=399, _) => Err(self.failed(format!("it redirects, {status}"))),
            (_, Ok(body)) => Err(match answer_text(&body) {
                Err(error @ Error::Invalid(_)) if error.to_string().contains("refuses") => error,
                _ => self.failed(format!("status {status}: {}", clean(&body, 200, false))),
            }),
            (_, Err(_)) => Err(self.failed(format!("status {status}"))),
        }
    }
}
