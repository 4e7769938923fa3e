//! The identity handshake: sign-up, sign-in, sessions, and what each of them leaves in Postgres.

use booking_service::domain::ids::{AuditId, OrgId};
use jiff::SignedDuration;
use proto::booking::v1 as pb;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use tonic::{Code, Status};

use crate::harness::{
    TestApp,
    fixtures::{booking_of, refusal, unauthenticated},
    people::{PASSWORD, sign_in, sign_up},
    with_token,
};

async fn refresh(app: &TestApp, token: &str) -> Result<pb::Session, Status> {
    let message = pb::RefreshSessionRequest { refresh_token: token.to_owned() };
    Ok(app.identity().refresh_session(message).await?.into_inner().session.unwrap())
}

/// Case 1.1, by the database itself: the row of a user who signs up brings the organisation with it.
#[tokio::test]
async fn a_user_who_signs_up_gets_an_organisation_by_a_trigger() {
    let app = TestApp::start().await;
    let mut auth = app.database.login("frontdesk_auth").await.unwrap();
    let [org, clinic, user] = [(); 3].map(|()| AuditId::generate());
    let insert = |org: AuditId, user: AuditId, email: &str| {
        format!(
            "insert into app_user (user_id, email, password_hash, created_at, sign_up_org_id, sign_up)
            values ('{user}', '{email}', 'x', now(), '{org}', '{{\"organization_name\": \"Oak\", \"clinic_id\": \"{clinic}\",
                \"clinic_name\": \"Oak Lane\", \"time_zone\": \"UTC\", \"full_name\": \"Dana\"}}')"
        )
    };
    // Without the organisation as tenant, or with another one, nothing comes about.
    for tenant in ["", "01936f00-0000-7000-8000-00000000dead"] {
        auth.execute(AssertSqlSafe(format!("set app.org_id = '{tenant}'"))).await.unwrap();
        let refused = auth.execute(AssertSqlSafe(insert(org, user, "oak@example.com"))).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{tenant:?}");
    }
    auth.execute(AssertSqlSafe(format!("set app.org_id = '{org}'"))).await.unwrap();
    auth.execute(AssertSqlSafe(insert(org, user, "oak@example.com"))).await.unwrap();
    let mut superuser = app.database.superuser().await;
    let made = "
        select o.name, c.name as clinic, p.role, m.user_id::text
        from organisation o
        join clinic c using (org_id)
        join profile p using (org_id)
        join membership m using (org_id, user_id)";
    let row = sqlx::query(made).fetch_one(&mut superuser).await.unwrap();
    let columns: Vec<String> = (0..4).map(|column| row.get(column)).collect();
    assert_eq!(columns, ["Oak", "Oak Lane", "admin", &user.to_string()]);
    // Whoever was invited makes none.
    let invited = format!(
        "insert into app_user (user_id, email, password_hash, created_at) values ('{}', 'sam@example.com', 'x', now())",
        AuditId::generate()
    );
    auth.execute(AssertSqlSafe(invited)).await.unwrap();
    assert_eq!(app.count("select count(*) from organisation").await, 1);
}

/// Cases 1.2 to 1.4 over HTTP, as the user's card has them.
#[tokio::test]
async fn a_sign_up_opens_its_own_organisation_and_no_other() {
    let app = TestApp::start().await;
    let other = app.clinic().await;
    let body = json!({
        "email": " Dana@Example.com ", "password": PASSWORD, "full_name": "Dana Admin", "organization_name": "Oak Lane Group",
        "clinic_name": "Oak Lane Dental", "time_zone": "America/Chicago",
    });
    let (status, made) = app.post_to("/api/auth/signup", None, &body).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!((&made["token_type"], &made["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(
        (&made["user"]["email"], &made["user"]["role"]),
        (&json!("dana@example.com"), &json!("admin"))
    );
    assert_eq!(made["clinic"]["time_zone"], "America/Chicago");
    let token = made["access_token"].as_str().unwrap();

    // 1.2: the organisation is in the token.
    let claims = token.split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&base64(claims)).unwrap();
    assert_eq!(claims["org_id"], made["organization"]["id"]);
    assert_eq!((&claims["sub"], &claims["role"]), (&made["user"]["id"], &json!("admin")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);

    // 1.3: the profile is the organisation's.
    let (status, me) = app.get_from("/api/auth/me", Some(token)).await;
    assert_eq!((status, &me["organization"], &me["user"]), (200, &made["organization"], &made["user"]));

    // 1.4: of this organisation everything, of others nothing.
    let caller =
        app.identity().get_caller(with_token(token, pb::GetCallerRequest {})).await.unwrap().into_inner();
    let clinics: Vec<&str> = caller.clinics.iter().map(|clinic| clinic.clinic_id.as_str()).collect();
    assert_eq!(clinics, [made["clinic"]["id"].as_str().unwrap()]);
    let get = pb::GetClinicRequest { clinic_id: other.id.clone() };
    assert_eq!(refusal(app.clinics().get_clinic(with_token(token, get)).await).1, "CLINIC_FORBIDDEN");
    let mut service = app.database.service_login().await;
    let tenant = format!("set app.org_id = '{}'", made["organization"]["id"].as_str().unwrap());
    service.execute(AssertSqlSafe(tenant)).await.unwrap();
    let seen: Vec<String> =
        sqlx::query_scalar("select org_id::text from clinic").fetch_all(&mut service).await.unwrap();
    assert_eq!(seen, [made["organization"]["id"].as_str().unwrap()]);

    // The second time, the address is in use; whatever case it is written in.
    let (status, problem) = app.post_to("/api/auth/signup", None, &body).await;
    assert_eq!((status, &problem["reason"]), (409, &json!("EMAIL_IN_USE")));
    assert_eq!(app.count("select count(*) from organisation").await, 2);
}

fn base64(text: &str) -> Vec<u8> {
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_first_provider_can_be_booked_at_once() {
    let app = TestApp::start().await;
    let session = app.sign_up("dana@example.com").await.session.unwrap();
    let when = Some(pb::slot_choice::When::LocalTime("2027-01-05T14:00".into()));
    let made =
        app.book(&session.access_token, booking_of(pb::SlotChoice { when, ..Default::default() })).await;
    assert_eq!(made.unwrap().provider_name, "Dr. Lee");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_sign_up_is_named_at_once() {
    let app = TestApp::start().await;
    let (status, problem) =
        app.post_to("/api/auth/signup", None, &json!({"password": "short", "time_zone": "Mars"})).await;
    let names: Vec<&str> = problem["invalid_params"]
        .as_array()
        .unwrap()
        .iter()
        .map(|param| param["name"].as_str().unwrap())
        .collect();
    assert_eq!(status, 400);
    assert_eq!(names, ["password", "email", "full_name", "organization_name", "clinic_name", "time_zone"]);
    // What is of the wrong type, or not known, is told, too.
    let odd = json!({"email": 7, "pasword": PASSWORD});
    let (status, problem) = app.post_to("/api/auth/signup", None, &odd).await;
    assert_eq!((status, problem["invalid_params"].as_array().unwrap().len()), (400, 2), "{problem}");
    assert_eq!(app.post_to("/api/auth/signin", None, &json!([])).await.0, 400);
    assert_eq!(app.count("select count(*) from app_user").await, 0);
}

#[tokio::test]
async fn of_many_who_sign_up_with_one_address_one_gets_in() {
    let app = TestApp::start().await;
    let attempts = (0..6).map(|_| async { app.identity().sign_up(sign_up("dana@example.com")).await });
    let answers = futures::future::join_all(attempts).await;
    let (made, late): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for answer in late {
        assert_eq!(refusal(answer), (Code::FailedPrecondition, "EMAIL_IN_USE".to_owned()));
    }
    assert_eq!(app.count("select count(*) from organisation").await, 1);
}

#[tokio::test]
async fn whoever_cannot_sign_in_is_not_told_why() {
    let app = TestApp::start().await;
    let made = app.sign_up("dana@example.com").await;
    let org = made.session.unwrap().profile.unwrap().org_id;
    let other = app.clinic().await;
    let sign_in = async |message| app.identity().sign_in(message).await;
    for message in [
        sign_in_as("dana@example.com", "wrong password!", ""),
        sign_in_as("nobody@example.com", PASSWORD, ""),
        sign_in_as("dana@example.com", PASSWORD, &other.org.to_string()),
        sign_in_as("dana@example.com", PASSWORD, &OrgId::generate().to_string()),
    ] {
        assert_eq!(refusal(sign_in(message.clone()).await), unauthenticated(), "{message:?}");
    }
    assert_eq!(app.count("select count(*) from auth_failure where action = 'SignIn'").await, 4);
    for message in
        [sign_in_as("DANA@example.com", PASSWORD, ""), sign_in_as("dana@example.com", PASSWORD, &org)]
    {
        let session = sign_in(message).await.unwrap().into_inner().session.unwrap();
        assert_eq!(session.profile.unwrap().org_id, org);
    }
    assert_eq!(app.count("select count(*) from audit where action = 'SignIn' and outcome = 'done'").await, 2);
}

fn sign_in_as(email: &str, password: &str, org: &str) -> pb::SignInRequest {
    sign_in(email, password, org)
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_second_use_ends_the_session() {
    let app = TestApp::start().await;
    let first = app.sign_up("dana@example.com").await.session.unwrap();
    let second = refresh(&app, &first.refresh_token).await.unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
    let third = refresh(&app, &second.refresh_token).await.unwrap();
    app.identity().get_caller(with_token(&third.access_token, pb::GetCallerRequest {})).await.unwrap();

    // Somebody has stolen the second one: the session is over for both.
    assert_eq!(refusal(refresh(&app, &second.refresh_token).await), unauthenticated());
    assert_eq!(refusal(refresh(&app, &third.refresh_token).await), unauthenticated());
    assert_eq!(app.count("select count(*) from audit where reason = 'REFRESH_TOKEN_REUSED'").await, 1);
    // Another session of the same user goes on.
    let other = app.identity().sign_in(sign_in("dana@example.com", PASSWORD, "")).await.unwrap();
    refresh(&app, &other.into_inner().session.unwrap().refresh_token).await.unwrap();
}

#[tokio::test]
async fn of_many_who_use_one_refresh_token_at_most_one_goes_on() {
    let app = TestApp::start().await;
    let session = app.sign_up("dana@example.com").await.session.unwrap();
    let attempts = (0..8).map(|_| refresh(&app, &session.refresh_token));
    let answers = futures::future::join_all(attempts).await;
    let won: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(refusal(refresh(&app, &won[0].refresh_token).await), unauthenticated());
}

#[tokio::test]
async fn a_session_ends_when_it_is_told_to_and_when_it_rests_too_long() {
    let app = TestApp::start().await;
    let session = app.sign_up("dana@example.com").await.session.unwrap();
    let (status, _) =
        app.post_to("/api/auth/signout", None, &json!({"refresh_token": session.refresh_token})).await;
    assert_eq!(status, 204);
    assert_eq!(refusal(refresh(&app, &session.refresh_token).await), unauthenticated());
    // A session ends once, however often it is said.
    for _ in 0..3 {
        app.post_to("/api/auth/signout", None, &json!({"refresh_token": session.refresh_token})).await;
    }
    assert_eq!(app.count("select count(*) from audit where action = 'SignOut'").await, 1);
    // What is no token is answered as one that is.
    for nothing in ["", "fdr_nonsense", &session.refresh_token[1..]] {
        let (status, _) = app.post_to("/api/auth/signout", None, &json!({"refresh_token": nothing})).await;
        assert_eq!(status, 204, "{nothing}");
    }
    let body = json!({"email": "dana@example.com", "password": PASSWORD});
    let (status, again) = app.post_to("/api/auth/signin", None, &body).await;
    assert_eq!((status, again.get("clinic")), (200, None), "{again}");
    app.app.clock.advance(SignedDuration::from_hours(24 * 30));
    let (status, problem) =
        app.post_to("/api/auth/refresh", None, &json!({"refresh_token": again["refresh_token"]})).await;
    assert_eq!((status, &problem["code"]), (401, &json!("UNAUTHORIZED")));
}

#[tokio::test]
async fn an_access_token_is_good_for_a_quarter_of_an_hour() {
    let app = TestApp::start().await;
    let session = app.sign_up("dana@example.com").await.session.unwrap();
    let ask = async || {
        app.identity().get_profile(with_token(&session.access_token, pb::GetProfileRequest {})).await
    };
    app.app.clock.advance(SignedDuration::from_secs(899));
    assert_eq!(ask().await.unwrap().into_inner().profile.unwrap().full_name, "Dana Admin");
    app.app.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(refusal(ask().await), unauthenticated());
}

#[tokio::test]
async fn whoever_is_no_user_has_no_profile() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let answer = app.identity().get_profile(with_token(&clinic.admin, pb::GetProfileRequest {})).await;
    assert_eq!(refusal(answer), (Code::NotFound, "PROFILE_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn what_holds_secrets_is_kept_by_nobody_on_the_way() {
    let app = TestApp::start().await;
    let url = format!("{}/api/auth/signin", app.gateway);
    let answer = app.http.post(url).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let jwks = app.http.get(format!("{}/.well-known/jwks.json", app.gateway)).send().await.unwrap();
    assert_eq!(jwks.headers()["cache-control"], "public, max-age=300");
    let jwks: serde_json::Value = jwks.json().await.unwrap();
    assert_eq!((&jwks["keys"][0]["kty"], &jwks["keys"][0]["alg"]), (&json!("OKP"), &json!("EdDSA")));
}
