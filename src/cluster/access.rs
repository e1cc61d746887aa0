//! Who the caller is, and what they may do.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;

use super::call::{Call, Resource, Verb};
use super::client::Cluster;
use super::errors::ApiError;

/// A user, as the API server sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name that RBAC and admission policies know.
    pub name: String,

    /// The groups.
    pub groups: Vec<String>,
}

/// A right to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access<'a> {
    /// What is to be done.
    pub verb: Verb,

    /// On what.
    pub resource: Resource<'a>,

    /// A part with rights of its own, such as `status`.
    pub subresource: Option<&'a str>,

    /// Where; `None` asks for every namespace.
    pub namespace: Option<&'a str>,

    /// On which object; `None` asks for every one.
    pub name: Option<&'a str>,
}

/// The answer to a question for a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessReview {
    /// It may be done.
    Allowed,

    /// It may not.
    Denied {
        /// What the server says about it; often empty.
        reason: String,
    },
}

impl Cluster {
    /// Asks who the caller is.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`]; `NotFound` means a server before 1.28.
    pub async fn whoami(&self) -> Result<User, ApiError> {
        let api: Api<SelfSubjectReview> = Api::all(self.client());
        let call = Call::new(Verb::Create, "selfsubjectreviews.authentication.k8s.io").stores_nothing();
        let review = self
            .call(call, api.create(&PostParams::default(), &SelfSubjectReview::default()))
            .await?;
        let info = review.status.and_then(|status| status.user_info).unwrap_or_default();
        Ok(User {
            name: info.username.unwrap_or_default(),
            groups: info.groups.unwrap_or_default(),
        })
    }

    /// Asks whether the caller has a right.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`].
    pub async fn can_i(&self, access: &Access<'_>) -> Result<AccessReview, ApiError> {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let attributes = ResourceAttributes {
            verb: Some(access.verb.name().to_owned()),
            group: Some(access.resource.group.to_owned()),
            version: Some(access.resource.version.to_owned()),
            resource: Some(access.resource.plural.to_owned()),
            subresource: owned(access.subresource),
            namespace: owned(access.namespace),
            name: owned(access.name),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let call = Call::new(Verb::Create, "selfsubjectaccessreviews.authorization.k8s.io").stores_nothing();
        let question = SelfSubjectAccessReview {
            spec,
            ..SelfSubjectAccessReview::default()
        };
        let status = self
            .call(call, api.create(&PostParams::default(), &question))
            .await?
            .status
            .unwrap_or_default();
        Ok(if status.allowed {
            AccessReview::Allowed
        } else {
            AccessReview::Denied {
                reason: status.reason.unwrap_or_default(),
            }
        })
    }
}
