//! `booking-service import`: asks a running service to make a clinic what its file says.
#![expect(clippy::print_stdout, reason = "what is changed is what this is for")]

use anyhow::{Context as _, bail};
use booking_service::config::{Import, WrongSetting};
use proto::booking::v1::{ImportClinicRequest, clinic_service_client::ClinicServiceClient};
use secrecy::ExposeSecret as _;
use tonic::{Request, transport::Endpoint};
use tonic_types::StatusExt as _;

pub(crate) async fn import(config: &Import) -> anyhow::Result<()> {
    let Import { file, apply, url, token } = config;
    let document = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
    };
    let mut request = Request::new(ImportClinicRequest { document, apply: *apply });
    let bearer = format!("Bearer {}", token.expose_secret().trim());
    let bearer = bearer.parse().context(WrongSetting("BOOKING_TOKEN"))?;
    request.metadata_mut().insert("authorization", bearer);
    let endpoint = Endpoint::from_shared(url.clone()).context(WrongSetting("BOOKING_URL"))?;
    let channel = endpoint.connect().await.with_context(|| format!("cannot reach {url}"))?;
    let answer = match ClinicServiceClient::new(channel).import_clinic(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let wrong = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
            if wrong.is_empty() {
                bail!("{}", status.message());
            }
            let wrong: Vec<String> = wrong.into_iter().map(|violation| violation.description).collect();
            bail!("{}:\n  {}", file.display(), wrong.join("\n  "));
        }
    };
    for change in &answer.changes {
        println!("{change}");
    }
    match (answer.changes.len(), *apply) {
        (0, _) => println!("Everything is as the file says."),
        (n, true) => println!("{n} changes were made."),
        (n, false) => {
            println!("{n} changes would be made; nothing has changed yet. With --apply they are made.");
        }
    }
    if !answer.clinic_id.is_empty() {
        println!("clinic_id={}", answer.clinic_id);
    }
    Ok(())
}
