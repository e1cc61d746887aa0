//! An assessment as people and scripts meet it: human text, JSON, and the status of a DriftReport.
