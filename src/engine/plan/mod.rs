//! What a person is asked to approve: ordered, guarded, content-hashed steps.
