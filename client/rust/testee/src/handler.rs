//! The handler: does what the message's payload says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{json, Value};
use sluice_worker::{Context, IntoSettlement, Message, Settlement};
use tokio::sync::watch;

use crate::{convert, emit};

/// Where handlers wait. One that was released stays open.
#[derive(Default)]
pub(crate) struct Gates(Mutex<HashMap<String, watch::Sender<bool>>>);

impl Gates {
    fn watch(&self, name: &str) -> watch::Receiver<bool> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .entry(name.to_owned())
            .or_insert_with(|| watch::channel(false).0)
            .subscribe()
    }

    pub(crate) fn release(&self, name: &str) {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .entry(name.to_owned())
            .or_insert_with(|| watch::channel(false).0)
            .send_replace(true);
    }
}

pub(crate) async fn handle(message: Message, context: Context, gates: Arc<Gates>) -> Settlement {
    let script: Value = serde_json::from_slice(message.payload()).unwrap_or_default();
    let delivery_id = message.delivery_id();
    for step in script["steps"].as_array().into_iter().flatten() {
        if step["describe"] == true {
            emit(&convert::message(&message));
        }
        if let Some(text) = step["say"].as_str() {
            emit(&json!({"event": "said", "text": text, "delivery_id": delivery_id}));
        }
        if let Some(pause) = convert::number(&step["sleep_ms"]) {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        if let Some(gate) = step["gate"].as_str() {
            // The sender is never dropped.
            let _ = gates.watch(gate).wait_for(|released| *released).await;
        }
        if step["until_abandoned"] == true {
            context.abandoned().await;
            emit(&json!({"event": "abandoned", "delivery_id": delivery_id}));
        }
        if let Some(reply) = step.get("send") {
            let sent = context.send(convert::reply(reply)).await;
            let status = sent.map_or_else(|status| status.code().name(), |()| "OK");
            emit(&json!({"event": "sent", "delivery_id": delivery_id, "status": status}));
        }
        if let Some(text) = step["throw"].as_str() {
            std::panic::panic_any(text.to_owned());
        }
        if let Some(settlement) = step.get("settle") {
            return convert::settlement(settlement);
        }
        match step.get("return") {
            Some(Value::Array(_)) => return convert::replies(&step["return"]).into_settlement(),
            Some(reply) => return convert::reply(reply).into_settlement(),
            None => {}
        }
    }
    ().into_settlement()
}
