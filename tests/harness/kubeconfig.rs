//! Kubeconfig files: one for each person and ServiceAccount that a test acts as, all derived from the admin's.
//!
//! They are written as JSON, which is YAML too.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::certificates::Files;

/// Writes the kubeconfig of a client certificate for the API server at `server`.
pub fn write_certificate(path: &Path, server: &str, authority: &Path, files: &Files) -> Result<()> {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "driftmend-test", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "user", "user": {"client-certificate": files.certificate, "client-key": files.key}}],
        "contexts": [{"name": "driftmend-test", "context": {"cluster": "driftmend-test", "user": "user"}}],
        "current-context": "driftmend-test",
    });
    write(path, &kubeconfig)
}

/// Writes the kubeconfig of a bearer token for the cluster of `admin`.
pub fn write_token(path: &Path, admin: &Path, token: &str) -> Result<()> {
    let mut kubeconfig = read(admin)?;
    kubeconfig["users"][0]["user"] = json!({ "token": token });
    write(path, &kubeconfig)
}

/// Writes a kubeconfig with which `admin` impersonates a user.
pub fn write_impersonation(path: &Path, admin: &Path, user: &str, groups: &[&str]) -> Result<()> {
    let mut kubeconfig = read(admin)?;
    kubeconfig["users"][0]["user"]["as"] = json!(user);
    kubeconfig["users"][0]["user"]["as-groups"] = json!(groups);
    write(path, &kubeconfig)
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("failed to parse {}", path.display()))
}

fn write(path: &Path, kubeconfig: &Value) -> Result<()> {
    fs::write(path, kubeconfig.to_string()).with_context(|| format!("failed to write {}", path.display()))
}
