# Sourced by build.sh: Flux's kustomize-controller. It has no version to be told.

build github.com/fluxcd/kustomize-controller kustomize-controller

ship "$(folder_of github.com/fluxcd/kustomize-controller)/config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml" crds/kustomizations.yaml

# It watches all these kinds, and dies without one. They stand in source-controller's module, which cannot be required beside it:
# its own requirements are not to be had everywhere.
source=$(cd "$module" && go mod download -json github.com/fluxcd/source-controller@v1.9.6 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
for kind in buckets externalartifacts gitrepositories ocirepositories; do
  ship "$source/config/crd/bases/source.toolkit.fluxcd.io_$kind.yaml" "crds/$kind.yaml"
done
