//! The page on metrics: name, type, labels and help of each, as it is registered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;

use prometheus::core::Collector;
use prometheus::proto::MetricType;

use super::cell;
use crate::metrics::Metrics;

pub(super) fn page() -> Result<String, prometheus::Error> {
    let rows: RefCell<BTreeMap<String, String>> = RefCell::default();
    Metrics::seen_by(&|collector| rows.borrow_mut().extend(rows_of(collector)))?;
    let mut page = super::head("Metrics");
    page.push_str(
        "What `/metrics` on port 8080 serves. A series of an object ends when the object is no longer governed. A\n\
         histogram has the series `_bucket`, `_sum` and `_count`.\n\n\
         | metric | type | labels | what it is |\n|---|---|---|---|\n",
    );
    page.extend(rows.into_inner().into_values());
    Ok(page)
}

fn rows_of(collector: &dyn Collector) -> Vec<(String, String)> {
    let families = collector.collect();
    let kind = |name: &str| {
        let family = families.iter().find(|family| family.name() == name);
        family.map_or("", |family| match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            MetricType::UNTYPED => "untyped",
        })
    };
    let described = collector.desc();
    let row = |name: &str, labels: &[String], help: &str| {
        let mut row = String::new();
        // A text takes what is written to it.
        let _ = writeln!(
            row,
            "| `{name}` | {} | {} | {} |",
            kind(name),
            labels.join(", "),
            cell(help)
        );
        (name.to_owned(), row)
    };
    described
        .into_iter()
        .map(|description| row(&description.fq_name, &description.variable_labels, &description.help))
        .collect()
}
