# Sourced by build.sh: Argo CD, one program that is each of its parts by the name in ARGOCD_BINARY_NAME.

# Without it the version is v99.99.99.
argo_cd=$(version_of github.com/argoproj/argo-cd/v3)
flags="-X github.com/argoproj/argo-cd/v3/common.version=${argo_cd#v}"

build github.com/argoproj/argo-cd/v3/cmd argocd

source=$(folder_of github.com/argoproj/argo-cd/v3)
# Not the CRD of ApplicationSets: no controller for them runs.
ship "$source/manifests/crds/application-crd.yaml" crds/application.yaml
ship "$source/manifests/crds/appproject-crd.yaml" crds/appproject.yaml
# The repo-server runs it for every manifest, even where signatures are switched off.
ship "$source/hack/git-verify-wrapper.sh" git-verify-wrapper.sh
