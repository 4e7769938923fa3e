//! Two callers and one slot, as Vapi would send it.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use jiff::{ToSpan as _, Zoned, civil};
use serde_json::{Value, json};

use tests::stack::Stack;

use crate::demo::DemoClinic;

struct Call<'a> {
    stack: &'a Stack,
    token: &'a str,
    client: &'a reqwest::Client,
    id: String,
    who: &'static str,
    number: &'static str,
}

/// Plays the story, and prints what each caller hears.
pub(crate) async fn play(stack: &Stack, clinic: &DemoClinic) -> Result<()> {
    let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(20)).build()?;
    let time = free_time(stack, clinic, &client).await?;
    let call = |who, number| Call {
        stack,
        token: &clinic.voice_token,
        client: &client,
        id: booking_service::domain::ids::AuditId::generate().to_string(),
        who,
        number,
    };
    let dana = call("Dana Whitfield", "+17185550199");
    let marcus = call("Marcus Lee", "+12125550142");

    let slot = json!({ "appointment_time": time, "service": "root canal" });
    let book = |who: &str| json!({ "patient_name": who, "appointment_time": time, "service": "root canal" });
    let question = |question: &str| json!({ "question": question });
    dana.tool("asks for the way", "query_knowledge_base", question("Where can I leave my car?")).await?;
    dana.tool("asks for more", "query_knowledge_base", question("Do you sell electric toothbrushes?"))
        .await?;
    dana.tool("asks for a time", "check_availability", slot.clone()).await?;
    dana.tool("has it kept", "hold_slot", slot).await?;
    let booked = dana.tool("books it", "book_appointment", book(dana.who)).await?;
    let code = confirmation_code(&booked)?;
    marcus.tool("wants the same", "book_appointment", book(marcus.who)).await?;
    let later = time.replace("T14:00", "T15:30");
    let to = json!({ "confirmation_code": code, "appointment_time": later });
    dana.tool("moves it", "reschedule_appointment", to).await?;
    dana.tool("calls it off", "cancel_appointment", json!({ "confirmation_code": code })).await?;
    let booked = marcus.tool("tries again", "book_appointment", book(marcus.who)).await?;
    confirmation_code(&booked)?;
    dana.hang_up().await?;
    marcus.hang_up().await
}

impl Call<'_> {
    /// Calls a tool as the assistant does in the middle of a call.
    async fn tool(&self, what: &str, tool: &str, arguments: Value) -> Result<String> {
        let id = format!(
            "call_{}",
            booking_service::domain::ids::AuditId::generate().to_string().replace('-', "")
        );
        let message = self.message(&id, tool, &arguments);
        let began = Instant::now();
        let response = self
            .client
            .post(format!("http://{}/api/vapi/tools", self.stack.gateway))
            .bearer_auth(self.token)
            .json(&message)
            .send()
            .await?;
        let status = response.status();
        let body: Value = response.json().await?;
        let ms = began.elapsed().as_secs_f64() * 1e3;
        let Some(said) =
            body["results"][0]["result"].as_str().filter(|_| body["results"][0]["toolCallId"] == id)
        else {
            bail!("{tool} was answered with {status}: {body}");
        };
        println!("  {:<15} {what:<16} {tool:<19} {ms:>7.1} ms\n     \"{said}\"", self.who);
        Ok(said.to_owned())
    }

    /// The platform reports that the call is over.
    async fn hang_up(&self) -> Result<()> {
        let now = booking_service::clock::Clock::default().now();
        let call = json!({ "id": self.id, "endedAt": now, "endedReason": "customer-ended-call" });
        let message = json!({ "message": { "type": "end-of-call-report", "endedReason": "customer-ended-call", "call": call } });
        let webhook = format!("http://{}/api/vapi/webhook", self.stack.gateway);
        let answer = self.client.post(webhook).bearer_auth(self.token).json(&message).send().await?;
        anyhow::ensure!(
            answer.status().is_success(),
            "the end of the call was answered with {}",
            answer.status()
        );
        Ok(())
    }

    /// The body that Vapi sends: the call, the assistant, the conversation so far.
    fn message(&self, id: &str, tool: &str, arguments: &Value) -> Value {
        let call = json!({
            "id": id, "type": "function",
            "function": { "name": tool, "arguments": arguments },
        });
        json!({ "message": {
            "type": "tool-calls",
            "timestamp": booking_service::clock::Clock::default().now().as_millisecond(),
            "toolCallList": [call],
            "toolCalls": [call],
            "toolWithToolCallList": [{
                "type": "function",
                "async": false,
                "function": { "name": tool, "parameters": { "type": "object", "properties": {} } },
                "server": { "url": format!("http://{}/api/vapi/tools", self.stack.gateway), "timeoutSeconds": 20 },
                "toolCall": call,
            }],
            "call": {
                "id": self.id,
                "type": "inboundPhoneCall",
                "status": "in-progress",
                "phoneCallProvider": "twilio",
                "phoneCallTransport": "pstn",
                "customer": { "number": self.number },
            },
            "customer": { "number": self.number },
            "phoneNumber": { "provider": "twilio", "number": "+12125550100", "name": "Elm Street front desk" },
            "assistant": { "name": "Elm Street receptionist", "model": { "provider": "openai", "model": "gpt-4.1" } },
            "artifact": { "messages": [
                { "role": "bot", "message": "Elm Street Dental, how can I help?", "secondsFromStart": 1.4 },
                { "role": "user", "message": "I need a root canal.", "secondsFromStart": 4.2 },
            ] },
        } })
    }
}

/// Two in the afternoon on the next working day on which it is free: the story is played again and again on the same database.
async fn free_time(stack: &Stack, clinic: &DemoClinic, client: &reqwest::Client) -> Result<String> {
    let now: Zoned = booking_service::clock::Clock::default().now().in_tz("America/New_York")?;
    let mut day = now.date();
    for _ in 0..365 {
        day = day.checked_add(1.day())?;
        if matches!(day.weekday(), civil::Weekday::Saturday | civil::Weekday::Sunday) {
            continue;
        }
        let time = day.at(14, 0, 0, 0).strftime("%Y-%m-%dT%H:%M").to_string();
        let question = json!({ "tool": "check_availability", "params": { "appointment_time": time, "service": "root canal" } });
        let url = format!("http://{}/api/vapi/tools", stack.gateway);
        let answer = client.post(url).bearer_auth(&clinic.admin_token).json(&question).send().await?;
        if answer.json::<Value>().await?["available"] == true {
            return Ok(time);
        }
    }
    bail!("the demo's provider is booked out for a year")
}

/// As the caller hears it: letter by letter, at the end of the sentence.
fn confirmation_code(said: &str) -> Result<String> {
    let spelled =
        said.split("The confirmation code is ").nth(1).with_context(|| format!("not booked: {said}"))?;
    Ok(spelled.trim_end_matches('.').replace(' ', ""))
}
