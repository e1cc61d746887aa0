//! How long texts and lists may be, as the definitions bound them.

/// The most fields in a status.
pub const FIELD_LIMIT: usize = 50;

/// The most findings in a status.
pub const FINDING_LIMIT: usize = 20;

/// The most finished heals in a status.
pub const HISTORY_LIMIT: usize = 10;

/// The most superseded plans in a status.
pub const SUPERSEDED_LIMIT: usize = 20;

/// The most conditions in a status.
pub const CONDITION_LIMIT: usize = 16;

/// The most cautions of a plan.
pub const CAUTION_LIMIT: usize = 16;

/// The most steps of a plan.
pub const STEP_LIMIT: usize = 8;

/// The most fields that one step of a heal is about.
pub const STEP_PATHS_LIMIT: usize = 512;

/// The most causes of a prediction.
pub const CAUSE_LIMIT: usize = 50;

/// The most residual paths of a prediction.
pub const RESIDUAL_LIMIT: usize = 200;

/// The most fields that a sync overwrites, of a prediction: as many as there are fields.
pub const OVERWRITE_LIMIT: usize = FIELD_LIMIT;

/// The most managers of a field.
pub const MANAGER_LIMIT: usize = 16;

/// The longest name (of a user, a uid, a rule), in characters, as the CRD counts.
pub const NAME_CHARACTERS: usize = 320;

/// The longest path (of a field, a file, a repository, an object), in characters.
pub const PATH_CHARACTERS: usize = 1_024;

/// The longest text, in characters.
pub const TEXT_CHARACTERS: usize = 2_048;

/// The most pieces of evidence that a report keeps of one heal.
pub const EVIDENCE_LIMIT: usize = 32;
