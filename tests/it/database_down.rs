//! Postgres goes away, and comes back.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{TestApp, database::TestDatabase, fixtures::direct_booking, proxy::Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_nothing_is_promised_and_with_it_everything_goes_on() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.server_address()).await;
    let url = database.service_url.replace(&database.server_address(), &proxy.address.to_string());
    let app = TestApp::on(database, &url, 8).await;
    let clinic = app.clinic().await;
    // Several connections, so that several are dead when it comes back.
    let bodies: Vec<_> =
        (1..=6).map(|day| direct_booking(&clinic, &format!("2027-01-0{day}T14:00:00Z"))).collect();
    let booked =
        futures::future::join_all(bodies.iter().map(|body| app.post(Some(&clinic.admin), body))).await;
    assert!(booked.iter().all(|(status, _)| *status == StatusCode::OK));

    proxy.cut();
    let body = direct_booking(&clinic, "2027-02-01T14:00:00Z");
    let request = app.http.post(format!("{}/api/vapi/tools", app.gateway)).bearer_auth(&clinic.admin);
    let response = request.json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let problem: serde_json::Value = response.json().await.unwrap();
    assert_eq!(problem["code"], json!("UNAVAILABLE"));
    // Only the service's own probe waits for nobody.
    let readyz = app.http.get(format!("{}/readyz", app.service_http)).send().await.unwrap();
    assert_eq!(readyz.status(), StatusCode::SERVICE_UNAVAILABLE);
    let livez = app.http.get(format!("{}/livez", app.gateway)).send().await.unwrap();
    assert_eq!(livez.status(), StatusCode::OK);

    proxy.mend();
    // The very next request succeeds, whatever is dead in the pool.
    let (status, body) = app.post(Some(&clinic.admin), &body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    wait_until_ready(&app).await;
    assert_eq!(app.count("select count(*) from appointment").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_loses_its_service_says_so_and_finds_it_again() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let wire = Proxy::to(app.service_address.clone()).await;
    let gateway = app.second_gateway(&format!("http://{}", wire.address)).await;
    let post = async |day: u8| {
        let body = direct_booking(&clinic, &format!("2027-01-0{day}T14:00:00Z"));
        let request =
            app.http.post(format!("{gateway}/api/vapi/tools")).bearer_auth(&clinic.admin).json(&body);
        request.send().await.unwrap()
    };
    assert_eq!(post(1).await.status(), StatusCode::OK);
    wire.cut();
    let lost = post(2).await;
    assert_eq!(lost.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(lost.headers().contains_key("retry-after"));
    wire.mend();
    assert_eq!(post(2).await.status(), StatusCode::OK);
    assert_eq!(app.count("select count(*) from appointment").await, 2);
}

/// The gateway hears of the service's health once a second.
async fn wait_until_ready(app: &TestApp) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let readyz = app.http.get(format!("{}/readyz", app.gateway)).send().await.unwrap();
        if readyz.status() == StatusCode::OK {
            return;
        }
        assert!(Instant::now() < deadline, "never ready again");
        tokio::task::yield_now().await;
    }
}
