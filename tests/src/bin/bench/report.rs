//! The table, what it says of the budgets, and the same as JSON.

use std::{fmt, fs, path::Path};

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::measured::Measured;

/// Everything that a run found out.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) about: Vec<(&'static str, String)>,
    pub(crate) rows: Vec<(&'static str, Measured)>,
    pub(crate) goals: Vec<Goal>,
}

/// A figure with a limit.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) found: f64,
    pub(crate) limit: Limit,
}

/// A budget is ours to beat; above a ceiling nobody may go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    Ceiling(f64),
}

impl Goal {
    fn is_met(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) | Limit::Ceiling(limit) => self.found <= limit,
            Limit::AtLeast(limit) => self.found >= limit,
        }
    }
}

impl Report {
    pub(crate) fn goal(&mut self, what: &'static str, unit: &'static str, found: f64, limit: Limit) {
        self.goals.push(Goal { what, unit, found, limit });
    }

    pub(crate) fn is_under_every_ceiling(&self) -> bool {
        self.goals.iter().filter(|goal| matches!(goal.limit, Limit::Ceiling(_))).all(Goal::is_met)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let about: Map<String, Value> =
            self.about.iter().map(|(name, what)| ((*name).to_owned(), json!(what))).collect();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|(name, measured)| {
                let mut row = measured.json();
                row["name"] = json!(name);
                row
            })
            .collect();
        let goals: Vec<Value> = self
            .goals
            .iter()
            .map(|goal| {
                let (kind, limit) = match goal.limit {
                    Limit::AtMost(limit) => ("at_most", limit),
                    Limit::AtLeast(limit) => ("at_least", limit),
                    Limit::Ceiling(limit) => ("ceiling", limit),
                };
                json!({ "what": goal.what, "unit": goal.unit, "found": goal.found, kind: limit, "met": goal.is_met() })
            })
            .collect();
        let report = json!({ "about": about, "rows": rows, "goals": goals });
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, serde_json::to_vec_pretty(&report)?)?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (name, what) in &self.about {
            writeln!(f, "  {name}: {what}")?;
        }
        writeln!(
            f,
            "\n  {:<36} {:>7} {:>9} {:>9} {:>9} {:>9}",
            "", "n", "p50 ms", "p99 ms", "max ms", "per s"
        )?;
        for (name, row) in &self.rows {
            let [p50, p99, max] = [50, 99, 100].map(|percent| row.percentile(percent));
            let (count, rate) = (row.count(), row.per_second());
            writeln!(f, "  {name:<36} {count:>7} {p50:>9.2} {p99:>9.2} {max:>9.2} {rate:>9.0}")?;
        }
        writeln!(f, "\n  {:<50} {:>9}     limit", "", "found")?;
        for goal in &self.goals {
            let limit = match goal.limit {
                Limit::AtMost(limit) => format!("at most {limit}"),
                Limit::AtLeast(limit) => format!("at least {limit}"),
                Limit::Ceiling(limit) => format!("never above {limit}"),
            };
            let verdict = if goal.is_met() { "" } else { "   MISSED" };
            writeln!(f, "  {:<50} {:>9.2} {:<3} {limit}{verdict}", goal.what, goal.found, goal.unit)?;
        }
        Ok(())
    }
}
