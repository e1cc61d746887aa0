# Sourced by build.sh: the control plane, kubectl, kustomize and helm.

# A Go 1.27 build of kube-apiserver 1.36 passes /readyz but serves a broken OpenAPI: say so instead of failing strangely later.
case "$(go env GOVERSION)" in
  go1.26*) ;;
  *) echo "build.sh: warning: tried with Go 1.26 only; this is $(go env GOVERSION)" >&2 ;;
esac

# Without the version flags the server calls itself v0.0.0-master, and kubectl and helm complain.
kubernetes=$(version_of k8s.io/kubernetes)
stamp=k8s.io/component-base/version
flags="-X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(echo "$kubernetes" | cut -d. -f2) -X $stamp.gitTreeState=clean"

build go.etcd.io/etcd/server/v3 etcd
build k8s.io/kubernetes/cmd/kube-apiserver kube-apiserver
build k8s.io/kubernetes/cmd/kube-controller-manager kube-controller-manager
build k8s.io/kubernetes/cmd/kubectl kubectl
build sigs.k8s.io/kustomize/kustomize/v5 kustomize
build helm.sh/helm/v4/cmd/helm helm
