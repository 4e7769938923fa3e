//! A clinic out of a file.

use proto::booking::v1 as pb;
use tonic_types::StatusExt as _;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, booking_of, reason},
    with_token,
};

const EXAMPLE: &str = include_str!("../../docs/clinic.yaml");

async fn import(app: &TestApp, clinic: &Clinic, document: &str, apply: bool) -> pb::ImportClinicResponse {
    let message = pb::ImportClinicRequest { document: document.into(), apply };
    app.clinics().import_clinic(with_token(&clinic.admin, message)).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_clinic_is_made_what_its_file_says_after_showing_it_and_again_without_a_change() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let shown = import(&app, &clinic, EXAMPLE, false).await;
    assert_eq!(app.count("select count(*) from service").await, 0, "it was only shown");
    let made = import(&app, &clinic, EXAMPLE, true).await;
    assert_eq!((&made.changes, made.clinic_id.as_str()), (&shown.changes, clinic.id.as_str()));
    let expected = [
        "provider Dr. Ben Okafor: is added",
        "provider Dr. Ana Reyes: has other hours",
        "service Cleaning: is added",
    ];
    assert!(
        expected.iter().all(|line| made.changes.iter().any(|change| change == line)),
        "{:#?}",
        made.changes
    );
    assert_eq!(import(&app, &clinic, EXAMPLE, true).await.changes, Vec::<String>::new());
    // One change, and what is not in it any more.
    let changed = EXAMPLE
        .replace("price: 120 dollars", "price: 130 dollars")
        .replace("  - name: Check-up\n    minutes: [20]\n    price: 80 dollars\n", "");
    assert_eq!(
        import(&app, &clinic, &changed, true).await.changes,
        ["service Cleaning: is changed", "service Check-up: is archived"]
    );
    let without_christmas =
        EXAMPLE.replace("  - { from: 2026-12-24, to: 2026-12-26, title: Christmas }\n", "");
    let shown = import(&app, &clinic, &without_christmas, false).await.changes;
    assert!(
        shown.iter().any(|change| change
            == "clinic Elm Street Dental: is not away from 2026-12-24T00:00 to 2026-12-27T00:00 after all"),
        "{shown:?}"
    );
}

#[tokio::test]
async fn a_closure_by_another_clock_is_not_the_one_in_the_file_and_is_made_anew_at_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let closure = pb::CreateAbsenceRequest {
        of: Some(pb::create_absence_request::Of::ClinicId(clinic.id.clone())),
        start: "2027-07-05T00:00".into(),
        end: "2027-07-06T00:00".into(),
        time_zone: "UTC".into(),
        title: "Independence Day".into(),
    };
    app.clinics().create_absence(with_token(&clinic.admin, closure)).await.unwrap();
    let changes = import(&app, &clinic, EXAMPLE, true).await.changes;
    for change in [
        "is not away from 2027-07-05T00:00 to 2027-07-06T00:00 after all",
        "is away from 2027-07-05T00:00 to 2027-07-06T00:00",
    ] {
        let expected = format!("clinic Elm Street Dental: {change}");
        assert!(changes.contains(&expected), "{expected}: {changes:#?}");
    }
    assert_eq!(import(&app, &clinic, EXAMPLE, true).await.changes, Vec::<String>::new());
}

#[tokio::test]
async fn into_an_imported_clinic_is_booked_by_its_rules() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    import(&app, &clinic, EXAMPLE, true).await;
    let slot = |time: &str| {
        let slot = crate::scheduling::local(&clinic, time);
        booking_of(pb::SlotChoice { service_text: "cleaning".into(), ..slot })
    };
    for (time, refused) in [
        ("2027-06-01T10:00", ""),
        ("2027-06-01T10:40", "MISALIGNED"),
        ("2027-06-01T12:00", "OUTSIDE_HOURS"),
        ("2027-07-05T10:00", "CLOSED"),
        ("2027-08-03T10:00", "PROVIDER_AWAY"),
        ("2027-07-02T11:00", "OUTSIDE_HOURS"),
    ] {
        let answer = app.book(&clinic.admin, slot(time)).await;
        assert_eq!(answer.as_ref().err().map(reason).unwrap_or_default(), refused, "{time}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_all_at_once_and_changes_nothing() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for (document, expected) in [
        ("clinic: {name: '', time_zone: Nowhere}", 2),
        ("not: a clinic", 1),
        ("{", 1),
        ("", 1),
        ("clinic: {name: Elm Street Dental, time_zone: Europe/Berlin}", 1),
    ] {
        let message = pb::ImportClinicRequest { document: document.into(), apply: true };
        let status = app.clinics().import_clinic(with_token(&clinic.admin, message)).await.unwrap_err();
        let wrong = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(
            (reason(&status).as_str(), wrong.len()),
            ("INVALID_ARGUMENT", expected),
            "{document}: {wrong:?}"
        );
    }
    assert_eq!(
        app.count("select count(*) from audit where action = 'ImportClinic' and outcome = 'done'").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_clinic_that_is_imported_several_times_at_once_is_opened_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let document = EXAMPLE.replace("Elm Street Dental", "Oak Lane Dental");
    let imports = (0..4).map(|_| import(&app, &clinic, &document, true));
    let done = futures::future::join_all(imports).await;
    assert_eq!(done.iter().filter(|import| !import.changes.is_empty()).count(), 1);
    assert_eq!(app.count("select count(*) from clinic where name = 'Oak Lane Dental'").await, 1);
}

#[tokio::test]
async fn a_clinics_file_leaves_alone_what_it_does_not_speak_of() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    import(&app, &clinic, EXAMPLE, true).await;
    let other = "{clinic: {name: Oak Lane, time_zone: America/Denver}, providers: [{name: Dr. Ana Reyes}]}";
    assert_eq!(
        import(&app, &clinic, other, true).await.changes,
        ["clinic Oak Lane: is opened", "provider Dr. Ana Reyes: works here, too"]
    );
    assert_eq!(import(&app, &clinic, EXAMPLE, true).await.changes, Vec::<String>::new());
    for misspelt in ["{open: [09:00-17:00], brakes: [12:00-13:00]}", "{open: [09:00-17:00], breaks: 12}"] {
        let document = format!(
            "clinic: {{name: Oak Lane, time_zone: America/Denver}}\nproviders: [{{name: Dr. Reyes, hours: {{monday: {misspelt}}}}}]"
        );
        let message = pb::ImportClinicRequest { document, apply: true };
        let status = app.clinics().import_clinic(with_token(&clinic.admin, message)).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_ARGUMENT", "{misspelt}");
    }
}
