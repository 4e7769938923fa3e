//! How much is too much, and that it is nobody else's loss.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use booking_service::config::Rates;
use proto::booking::v1 as pb;
use serde_json::{Value, json};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::harness::{
    TestApp,
    database::TestDatabase,
    fixtures::reason,
    people::{PASSWORD, sign_in, sign_up},
    token, with_metadata, with_token,
};

async fn app_with(rates: Rates) -> TestApp {
    let database = TestDatabase::create().await;
    let url = database.service_url.clone();
    TestApp::configured(database, &url, 8, rates, crate::harness::keys()).await
}

fn rate(rate: u32) -> NonZeroU32 {
    NonZeroU32::new(rate).unwrap()
}

fn limited(status: &Status) -> bool {
    let is = (status.code(), reason(status).as_str()) == (Code::ResourceExhausted, "RATE_LIMITED");
    assert!(!is || status.get_details_retry_info().unwrap().retry_delay.is_some(), "{status:?}");
    is
}

/// What a burst lets through of 60 requests at 5 a second, however long they took.
fn is_limited(refused: usize, began: Instant) -> bool {
    let meanwhile = usize::try_from(began.elapsed().as_secs()).unwrap() * 5 + 5;
    // What was asked to prepare the ground counts, too.
    (40 - meanwhile.min(40)..=45).contains(&refused)
}

/// How many of these requests, all at once, are told that they are too many.
async fn too_many<F: Future<Output = Result<T, Status>>, T>(requests: impl Iterator<Item = F>) -> usize {
    let answers = futures::future::join_all(requests).await;
    answers.into_iter().filter_map(Result::err).filter(limited).count()
}

#[tokio::test]
async fn one_organisation_that_asks_too_much_is_told_and_costs_the_others_nothing() {
    let app = app_with(Rates { organisation_rate: rate(5), ..Rates::UNLIMITED }).await;
    let (loud, quiet) = (app.clinic().await, app.clinic().await);
    let ask = |token: String| {
        let app = &app;
        async move { app.identity().get_caller(with_token(&token, pb::GetCallerRequest {})).await }
    };
    // Whoever asks, in whatever role: it is the organisation's.
    let tokens = [&loud.admin, &loud.voice];
    let began = Instant::now();
    let refused = too_many((0..60).map(|n| ask(tokens[n % 2].clone()))).await;
    assert!(is_limited(refused, began), "{refused}");
    assert_eq!(too_many((0..15).map(|_| ask(quiet.admin.clone()))).await, 0);
    // Over HTTP with the time to wait, and as a sentence for the assistant; one in some is let through meanwhile.
    let call = crate::harness::fixtures::VapiCall { id: "call-1", number: "+17185550199" };
    let (mut problem, mut said) = (None, None);
    for _ in 0..30 {
        let url = format!("{}/api/auth/me", app.gateway);
        let answer = app.http.get(url).bearer_auth(&loud.admin).send().await.unwrap();
        if answer.status() == 429 {
            assert_eq!(answer.headers()["retry-after"], "1");
            problem = Some(answer.json::<Value>().await.unwrap());
        }
        let sentence = app.vapi(&loud.voice, &call, "find_appointments", json!({})).await;
        said = Some(sentence).filter(|said| said.starts_with("Those were too many requests")).or(said);
    }
    let problem = problem.expect("thirty requests are too many");
    assert_eq!((&problem["code"], &problem["reason"]), (&json!("RATE_LIMITED"), &json!("RATE_LIMITED")));
    assert!(said.is_some());
}

#[tokio::test]
async fn one_credential_that_asks_too_much_costs_its_organisation_nothing() {
    let app = app_with(Rates { credential_rate: rate(5), ..Rates::UNLIMITED }).await;
    let clinic = app.clinic().await;
    let key = app.agent_key(&clinic, pb::MachineScope::default()).await.key;
    let ask = |token: String| {
        let app = &app;
        async move { app.identity().get_caller(with_token(&token, pb::GetCallerRequest {})).await }
    };
    let began = Instant::now();
    let refused = too_many((0..60).map(|_| ask(key.clone()))).await;
    assert!(is_limited(refused, began), "{refused}");
    assert_eq!(too_many((0..10).map(|_| ask(clinic.voice.clone()))).await, 0);
}

#[tokio::test]
async fn an_address_that_tries_to_sign_in_too_often_has_to_wait() {
    let app = app_with(Rates { sign_in_rate: rate(5), ..Rates::UNLIMITED }).await;
    // Of a thousand addresses, each of its own: only one of them is this machine's.
    let from = |address: &str, message: pb::SignInRequest| {
        let (app, address) = (&app, address.to_owned());
        async move {
            let mut request = Request::new(message);
            request.metadata_mut().insert("x-client-address", address.parse().unwrap());
            app.identity().sign_in(request).await
        }
    };
    let emails: Vec<String> = (0..20).map(|n| format!("user{n}@example.com")).collect();
    let refused =
        too_many(emails.iter().map(|email| from("198.51.100.7", sign_in(email, PASSWORD, "")))).await;
    assert!((14..=15).contains(&refused), "{refused}");
    assert_eq!(
        too_many((0..3).map(|_| from("198.51.100.8", sign_in("sam@example.com", PASSWORD, "")))).await,
        0
    );
    // Whoever locked themselves out at one account has not locked out its owner.
    let locked =
        too_many((0..8).map(|_| from("198.51.100.9", sign_in("owner@example.com", PASSWORD, "")))).await;
    assert!((2..=3).contains(&locked), "{locked}");
    assert_eq!(
        too_many([from("198.51.100.10", sign_in("owner@example.com", PASSWORD, ""))].into_iter()).await,
        0
    );
    // One account from ever new addresses.
    let addresses: Vec<String> = (0..35).map(|n| format!("192.0.2.{n}")).collect();
    let attempts = addresses.iter().map(|address| from(address, sign_in("dana@example.com", PASSWORD, "")));
    let refused = too_many(attempts).await;
    assert!((9..=10).contains(&refused), "{refused}");
    // Signing up from an address is an attempt, too; a network of IPv6 is one address.
    let up = |n: u32| {
        let app = &app;
        async move {
            let mut request = sign_up(&format!("new{n}@example.com"));
            let address = format!("2001:db8::{n:x}");
            request.metadata_mut().insert("x-client-address", address.parse().unwrap());
            app.identity().sign_up(request).await
        }
    };
    let refused = too_many((0..8).map(up)).await;
    assert!((2..=3).contains(&refused), "{refused}");
}

#[tokio::test]
async fn the_gateway_says_for_whom_it_asks() {
    let app = app_with(Rates { sign_in_rate: rate(2), ..Rates::UNLIMITED }).await;
    let sign_in = async |forwarded: &str, n: u32| {
        let body = json!({"email": format!("user{n}@example.com"), "password": PASSWORD});
        let url = format!("{}/api/auth/signin", app.gateway);
        app.http
            .post(url)
            .header("x-forwarded-for", forwarded)
            .json(&body)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    // The client wrote the left one, and what stands in front of the gateway the right one.
    let mut statuses = Vec::new();
    for n in 0..4 {
        statuses.push(sign_in(&format!("192.0.2.{n}, 198.51.100.7"), n).await);
    }
    assert_eq!(statuses, [401, 401, 429, 429]);
    assert_eq!(sign_in("198.51.100.9", 9).await, 401);
}

#[tokio::test]
async fn refused_credentials_without_end_are_not_all_written_down() {
    let app = app_with(Rates { refusal_rate: rate(20), ..Rates::UNLIMITED }).await;
    let clinic = app.clinic().await;
    let ask = |credential: String| {
        let app = &app;
        async move {
            let metadata = [("authorization", credential.as_str()), ("x-client-address", "198.51.100.7")];
            app.identity().get_caller(with_metadata(pb::GetCallerRequest {}, &metadata)).await
        }
    };
    let before = app.count("select count(*) from auth_failure").await;
    let refused = too_many((0..60).map(|n| ask(format!("Bearer nonsense-{n}")))).await;
    let written = app.count("select count(*) from auth_failure").await - before;
    assert!((38..=40).contains(&refused), "{refused}");
    assert_eq!(usize::try_from(written).unwrap() + refused, 60);
    // Wrong refresh tokens and signatures count among them.
    let mut request = Request::new(pb::RefreshSessionRequest { refresh_token: "fdr_x".into() });
    request.metadata_mut().insert("x-client-address", "198.51.100.7".parse().unwrap());
    assert!(limited(&app.identity().refresh_session(request).await.unwrap_err()));
    // Whoever has a good credential is served, from the same address.
    assert_eq!(too_many((0..10).map(|_| ask(format!("Bearer {}", clinic.admin)))).await, 0);
    let other = token(clinic.org, booking_service::caller::Role::Staff, false);
    assert!(ask(format!("Bearer {other}")).await.is_ok());
}

#[tokio::test]
async fn passwords_are_hashed_a_few_at_a_time_and_the_others_do_not_wait_for_ever() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let attempts = (0..150).map(|n| {
        let app = &app;
        async move { app.identity().sign_in(sign_in(&format!("user{n}@example.com"), PASSWORD, "")).await }
    });
    let (refused, served) = tokio::join!(too_many(attempts), async {
        app.identity().get_caller(with_token(&clinic.admin, pb::GetCallerRequest {})).await
    });
    assert!((1..150).contains(&refused), "{refused}");
    assert!(served.is_ok());
}

#[tokio::test]
async fn an_invitation_is_no_way_around_the_limits_of_signing_in() {
    let app = app_with(Rates { sign_in_rate: rate(2), ..Rates::UNLIMITED }).await;
    let clinic = app.clinic().await;
    let invite = pb::InviteMemberRequest { email: "sam@example.com".into(), role: pb::Role::Staff.into() };
    let invited = app.identity().invite_member(with_token(&clinic.admin, invite)).await.unwrap().into_inner();
    let accept = |n: usize| {
        let (app, invitation_token) = (&app, invited.invitation_token.clone());
        async move {
            let message = pb::AcceptInvitationRequest {
                invitation_token,
                password: "too short".to_owned(),
                full_name: "Sam Ortiz".to_owned(),
            };
            let mut request = Request::new(message);
            request.metadata_mut().insert("x-client-address", format!("192.0.2.{n}").parse().unwrap());
            app.identity().accept_invitation(request).await
        }
    };
    let refused = too_many((0..20).map(accept)).await;
    assert!((9..=10).contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_connection_on_which_no_request_arrives_is_ended() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let app = TestApp::start().await;
    let gateway = app.impatient_gateway(Duration::from_millis(300)).await;
    for begun in ["", "PRI * HT", "POST /api/vapi/tools HTTP/1.1\r\nHost: x\r\nX-A: "] {
        let mut connection = tokio::net::TcpStream::connect(gateway).await.unwrap();
        connection.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), connection.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{begun:?}: still open");
    }
    let url = format!("http://{gateway}/livez");
    assert_eq!(app.http.get(url).send().await.unwrap().status(), 200);
}
