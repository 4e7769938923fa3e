//! Who belongs to an organisation: invited, changed, removed.

use jiff::SignedDuration;
use proto::booking::v1 as pb;
use tonic::{Code, Status};

use crate::harness::{
    TestApp,
    fixtures::{reason, refusal, unauthenticated},
    people::{PASSWORD, sign_in},
    with_token,
};

async fn members(app: &TestApp, admin: &str) -> Vec<(String, pb::Role)> {
    let list = pb::ListMembersRequest::default();
    let page = app.identity().list_members(with_token(admin, list)).await.unwrap().into_inner();
    page.members.into_iter().map(|member| (member.email.clone(), member.role())).collect()
}

async fn invite(app: &TestApp, admin: &str, email: &str, role: pb::Role) -> Result<String, Status> {
    let invite = pb::InviteMemberRequest { email: email.to_owned(), role: role.into() };
    Ok(app.identity().invite_member(with_token(admin, invite)).await?.into_inner().invitation_token)
}

async fn accept(app: &TestApp, invitation: &str, password: &str) -> Result<pb::Session, Status> {
    let accept = pb::AcceptInvitationRequest {
        invitation_token: invitation.to_owned(),
        password: password.to_owned(),
        full_name: "Sam Ortiz".to_owned(),
    };
    Ok(app.identity().accept_invitation(accept).await?.into_inner().session.unwrap())
}

#[tokio::test]
async fn an_invitation_makes_a_member_once() {
    let app = TestApp::start().await;
    let admin = app.sign_up("dana@example.com").await.session.unwrap().access_token;
    let invitation = invite(&app, &admin, "Sam@Example.com", pb::Role::Staff).await.unwrap();
    // What is wrong with the password is told, and costs the invitation nothing.
    assert_eq!(refusal(accept(&app, &invitation, "short").await).1, "INVALID_ARGUMENT");
    let racers = (0..4).map(|_| accept(&app, &invitation, PASSWORD));
    let answers = futures::future::join_all(racers).await;
    let sessions: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    assert_eq!(sessions.len(), 1);
    let profile = sessions[0].profile.clone().unwrap();
    assert_eq!(
        (profile.email.as_str(), profile.role(), profile.full_name.as_str()),
        ("sam@example.com", pb::Role::Staff, "Sam Ortiz")
    );
    assert_eq!(
        members(&app, &admin).await,
        [("dana@example.com".to_owned(), pb::Role::Admin), ("sam@example.com".to_owned(), pb::Role::Staff),]
    );
    app.identity().sign_in(sign_in("sam@example.com", PASSWORD, "")).await.unwrap();
    // Staff may not do what is an administrator's.
    let by_staff = invite(&app, &sessions[0].access_token, "eve@example.com", pb::Role::Admin).await;
    assert_eq!(refusal(by_staff), (Code::PermissionDenied, "ROLE_TOO_SMALL".to_owned()));
    // A second invitation finds that they are one already.
    let again = invite(&app, &admin, "sam@example.com", pb::Role::Admin).await.unwrap();
    assert_eq!(
        refusal(accept(&app, &again, PASSWORD).await),
        (Code::FailedPrecondition, "ALREADY_A_MEMBER".to_owned())
    );
}

#[tokio::test]
async fn an_invitation_that_is_not_good_is_one_refusal() {
    let app = TestApp::start().await;
    let admin = app.sign_up("dana@example.com").await.session.unwrap().access_token;
    let invitation = invite(&app, &admin, "sam@example.com", pb::Role::Staff).await.unwrap();
    let mut forged = invitation.clone();
    forged.replace_range(60..61, if &forged[60..61] == "a" { "b" } else { "a" });
    for wrong in ["", "fdi_x", &forged, "fdk_x"] {
        assert_eq!(refusal(accept(&app, wrong, PASSWORD).await).0, Code::Unauthenticated, "{wrong}");
    }
    app.app.clock.advance(SignedDuration::from_hours(24 * 7));
    assert_eq!(refusal(accept(&app, &invitation, PASSWORD).await).0, Code::Unauthenticated);
    // Agents have keys, and are nobody's members.
    let admin = app.identity().sign_in(sign_in("dana@example.com", PASSWORD, "")).await.unwrap().into_inner();
    let admin = admin.session.unwrap().access_token;
    for role in [pb::Role::Agent, pb::Role::Unspecified] {
        assert_eq!(refusal(invite(&app, &admin, "sam@example.com", role).await).1, "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn whoever_has_signed_up_joins_with_the_password_that_they_have() {
    let app = TestApp::start().await;
    let admin = app.sign_up("dana@example.com").await.session.unwrap().access_token;
    let own = app.sign_up("sam@example.com").await.session.unwrap().profile.unwrap().org_id;
    let invitation = invite(&app, &admin, "sam@example.com", pb::Role::Provider).await.unwrap();
    assert_eq!(refusal(accept(&app, &invitation, "another password").await).0, Code::Unauthenticated);
    // The rule for passwords is the same, or it would tell who has signed up.
    assert_eq!(refusal(accept(&app, &invitation, "short").await).1, "INVALID_ARGUMENT");
    let joined = accept(&app, &invitation, PASSWORD).await.unwrap().profile.unwrap().org_id;
    assert_ne!(own, joined);
    // From now on it has to be said where to.
    let status = app.identity().sign_in(sign_in("sam@example.com", PASSWORD, "")).await.unwrap_err();
    assert_eq!(reason(&status), "ORGANIZATION_REQUIRED");
    assert!(status.message().contains(&own) && status.message().contains(&joined), "{}", status.message());
    for org in [&own, &joined] {
        let session =
            app.identity().sign_in(sign_in("sam@example.com", PASSWORD, org)).await.unwrap().into_inner();
        assert_eq!(&session.session.unwrap().profile.unwrap().org_id, org);
    }
}

#[tokio::test]
async fn a_role_changes_with_the_next_token_and_a_removed_member_is_gone() {
    let app = TestApp::start().await;
    let admin = app.sign_up("dana@example.com").await.session.unwrap().access_token;
    let sam = app.join(&admin, "sam@example.com", pb::Role::Staff).await;
    let user_id = sam.profile.unwrap().user_id;
    let update = pb::UpdateMemberRoleRequest { user_id: user_id.clone(), role: pb::Role::Admin.into() };
    let member = app.identity().update_member_role(with_token(&admin, update)).await.unwrap().into_inner();
    assert_eq!(member.member.unwrap().role(), pb::Role::Admin);
    let renewed = pb::RefreshSessionRequest { refresh_token: sam.refresh_token };
    let sam = app.identity().refresh_session(renewed).await.unwrap().into_inner().session.unwrap();
    assert_eq!(members(&app, &sam.access_token).await.len(), 2);

    let remove = pb::RemoveMemberRequest { user_id: user_id.clone() };
    app.identity().remove_member(with_token(&admin, remove.clone())).await.unwrap();
    let refresh = pb::RefreshSessionRequest { refresh_token: sam.refresh_token };
    assert_eq!(refusal(app.identity().refresh_session(refresh).await).0, Code::Unauthenticated);
    assert_eq!(
        refusal(app.identity().sign_in(sign_in("sam@example.com", PASSWORD, "")).await).0,
        Code::Unauthenticated
    );
    let again = app.identity().remove_member(with_token(&admin, remove)).await;
    assert_eq!(refusal(again), (Code::NotFound, "MEMBER_NOT_FOUND".to_owned()));
}

/// A token says what somebody was. What they are now counts.
#[tokio::test]
async fn whoever_was_removed_or_demoted_is_no_administrator_any_more_whatever_their_token_says() {
    let app = TestApp::start().await;
    let admin = app.sign_up("dana@example.com").await.session.unwrap().access_token;
    for what in ["demoted", "removed"] {
        let sam = app.join(&admin, &format!("{what}@example.com"), pb::Role::Admin).await;
        let user_id = sam.profile.clone().unwrap().user_id;
        let invitation = invite(&app, &sam.access_token, "eve@example.com", pb::Role::Admin).await.unwrap();
        let expected = if what == "demoted" {
            let update =
                pb::UpdateMemberRoleRequest { user_id: user_id.clone(), role: pb::Role::Staff.into() };
            app.identity().update_member_role(with_token(&admin, update)).await.unwrap();
            (Code::PermissionDenied, "ROLE_TOO_SMALL".to_owned())
        } else {
            app.identity()
                .remove_member(with_token(&admin, pb::RemoveMemberRequest { user_id: user_id.clone() }))
                .await
                .unwrap();
            // What they invited goes with them.
            assert_eq!(refusal(accept(&app, &invitation, PASSWORD).await).0, Code::Unauthenticated);
            unauthenticated()
        };
        let update = pb::UpdateMemberRoleRequest { user_id: user_id.clone(), role: pb::Role::Admin.into() };
        let token = &sam.access_token;
        assert_eq!(
            refusal(app.identity().update_member_role(with_token(token, update)).await),
            expected,
            "{what}"
        );
        assert_eq!(
            refusal(invite(&app, token, "eve@example.com", pb::Role::Admin).await),
            expected,
            "{what}"
        );
        let key = pb::CreateAgentKeyRequest { name: "x".into(), ..Default::default() };
        assert_eq!(
            refusal(app.identity().create_agent_key(with_token(token, key)).await),
            expected,
            "{what}"
        );
    }
}

#[tokio::test]
async fn the_last_administrator_stays_whoever_tries_at_the_same_time() {
    let app = TestApp::start().await;
    let dana = app.sign_up("dana@example.com").await.session.unwrap();
    let sam = app.join(&dana.access_token, "sam@example.com", pb::Role::Admin).await;
    let [dana_id, sam_id] = [&dana, &sam].map(|session| session.profile.clone().unwrap().user_id);
    // Each removes the other, again and again at once: one of them stays.
    let remove = |admin: String, user_id: String| {
        let app = &app;
        async move { app.identity().remove_member(with_token(&admin, pb::RemoveMemberRequest { user_id })).await }
    };
    let attempts = (0..4).flat_map(|_| {
        [remove(dana.access_token.clone(), sam_id.clone()), remove(sam.access_token.clone(), dana_id.clone())]
    });
    let answers = futures::future::join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let reasons: Vec<String> =
        answers.into_iter().filter_map(Result::err).map(|status| reason(&status)).collect();
    assert!(
        reasons
            .iter()
            .all(|reason| ["LAST_ADMIN", "MEMBER_NOT_FOUND", "UNAUTHENTICATED"].contains(&reason.as_str())),
        "{reasons:?}"
    );
    assert_eq!(app.count("select count(*) from profile where role = 'admin'").await, 1);

    let left: String = {
        let mut database = app.database.superuser().await;
        sqlx::query_scalar("select user_id::text from profile").fetch_one(&mut database).await.unwrap()
    };
    let token = if left == dana_id { &dana.access_token } else { &sam.access_token };
    let demote = pb::UpdateMemberRoleRequest { user_id: left, role: pb::Role::Staff.into() };
    let answer = app.identity().update_member_role(with_token(token, demote)).await;
    assert_eq!(refusal(answer), (Code::FailedPrecondition, "LAST_ADMIN".to_owned()));
}
