//! The rows as they are, read as the booking service's own login.

use anyhow::Result;
use booking_service::domain::ids::OrgId;
use sqlx::{Connection as _, PgConnection, Row as _};

use tests::stack::Stack;

const APPOINTMENTS: &str = "
    select to_char(a.starts_at at time zone c.time_zone, 'YYYY-MM-DD HH24:MI'), p.name, t.name, a.state, a.confirmation_code,
        s.state || coalesce(' as ' || s.event_id, '')
    from appointment a
    join clinic c using (org_id, clinic_id)
    join provider p using (org_id, provider_id)
    join patient t using (org_id, patient_id)
    left join calendar_sync s using (org_id, appointment_id)
    where a.org_id = $1
    order by a.created_at desc
    limit 6";

/// Prints the newest appointments.
pub(crate) async fn show(stack: &Stack, org: OrgId) -> Result<()> {
    let mut connection = PgConnection::connect(&stack.service_url).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("select set_config('app.org_id', $1, true)")
        .bind(org.to_string())
        .execute(&mut *transaction)
        .await?;
    let rows = sqlx::query(APPOINTMENTS).bind(org).fetch_all(&mut *transaction).await?;
    println!("\nThe newest rows of appointment (clinic time), each with its row of calendar_sync\n");
    println!(
        "  {:<17} {:<14} {:<15} {:<10} {:<7} calendar",
        "starts", "provider", "patient", "state", "code"
    );
    for row in rows {
        let text = |column: usize| row.try_get::<String, _>(column).unwrap_or_default();
        println!(
            "  {:<17} {:<14} {:<15} {:<10} {:<7} {}",
            text(0),
            text(1),
            text(2),
            text(3),
            text(4),
            text(5)
        );
    }
    transaction.rollback().await?;
    Ok(connection.close().await?)
}
