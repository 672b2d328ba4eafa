#!/usr/bin/env bash
# Kubernetes: a test cluster that is there already, else one made with kind, else one node of Kubernetes 1.20
# (the last version that runs on Docker Engine itself), built from Debian's source package.
source "$(dirname "$0")/lib.sh"

home=$run/kubernetes
bin=$cache/kubernetes-1.20/bin
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet)

up() {
  need kubectl kubernetes-client
  if [[ -n ${BERTH_TEST_KUBECONFIG:-} ]]; then
    answers "$BERTH_TEST_KUBECONFIG" || missing 'the cluster of BERTH_TEST_KUBECONFIG does not answer'
  elif [[ -f $home/admin.conf ]]; then
    start
  elif named_as_test_cluster && answers "${KUBECONFIG:-$HOME/.kube/config}"; then
    :
  elif command -v kind >/dev/null && "$here/docker.sh" up >/dev/null; then
    start_kind
  else
    start
  fi
  keep KUBECONFIG "$KUBECONFIG"
  keep BERTH_TEST_KUBE_CONTEXT "$(kubectl config current-context)"
  if alive kubernetes-apiserver; then keep BERTH_TEST_KUBE_API_SERVER_PID "$(cut -d ' ' -f 1 "$run/kubernetes-apiserver.pid")"; fi
  ready "$version" "context $BERTH_TEST_KUBE_CONTEXT"
}

# The user's current cluster may be one where tests must never run; only these names are sure to be local.
named_as_test_cluster() {
  case $(kubectl config current-context 2>/dev/null) in
    kind-* | k3d-* | minikube | docker-desktop | rancher-desktop | colima | orbstack | microk8s) ;;
    *) return 1 ;;
  esac
}

# answers KUBECONFIG: sets KUBECONFIG and version. A 401 makes kubectl ask for a name, hence no stdin.
answers() {
  local body
  body=$(KUBECONFIG=$1 within 10 kubectl --request-timeout=5s get --raw /version < /dev/null 2>/dev/null) || return 1
  version=$(sed -n 's/.*"gitVersion": *"v\([^"]*\)".*/\1/p' <<< "$body")
  export KUBECONFIG=$1
}

start_kind() {
  mkdir -p "$home"
  kind get clusters 2>/dev/null | grep -qx berth ||
    kind create cluster --name berth --kubeconfig "$home/kind.conf" --wait 120s > "$run/kind.log" 2>&1 9>&- ||
    missing "kind create cluster failed: $(last_words kind)"
  kind export kubeconfig --name berth --kubeconfig "$home/kind.conf" > "$run/kind.log" 2>&1
  "$here/images" busybox scratch >/dev/null
  kind load docker-image --name berth berth-busybox:latest berth-scratch:latest > "$run/kind.log" 2>&1
  answers "$home/kind.conf" || missing "the kind cluster does not answer: $(last_words kind)"
}

start() {
  [[ -f $home/admin.conf ]] || may_install ||
    missing 'no test cluster (install kind, or name one in BERTH_TEST_KUBECONFIG; as root on Debian 12, --install builds one)'
  "$here/docker.sh" up >/dev/null || missing 'docker is missing'
  local program
  for program in "${programs[@]}"; do [[ -x $bin/$program ]] || { build; break; }; done
  need etcd etcd-server
  need openssl openssl
  need conntrack conntrack
  need socat socat
  make_pause_image
  configure
  start_daemons
  answers "$home/admin.conf" || missing "the API server does not answer: $(last_words kubernetes-apiserver)"
}

build() {
  say 'building Kubernetes; two and a half minutes on 2 idle cores, once'
  local source=$cache/kubernetes-1.20/work/gopath/src/k8s.io/kubernetes
  local work=$cache/kubernetes-1.20/work go=/usr/lib/go-1.19/bin/go apt
  need $go golang-1.19-go
  rm -rf "$work"
  private_apt "$work" deb-src bookworm
  mkdir -p "$bin" "$(dirname "$source")"
  (cd "$work" && "${apt[@]}" source --download-only kubernetes && tar xf kubernetes_*.orig.tar.gz) >&2
  mv "$work"/kubernetes-1.20.* "$source"
  # 1.20 deletes a pod only after its sandbox was collected, which it does once a minute: too slow for tests
  sed -i -e 's/ContainerGCPeriod = time.Minute/ContainerGCPeriod = time.Second/' -e 's/syncPeriod = 10 \* time.Second/syncPeriod = time.Second/' \
    "$source"/pkg/kubelet/{kubelet,status/status_manager}.go
  compile > "$run/kubernetes-build.log" 2>&1 9>&- || missing "the build failed: $(last_words kubernetes-build)"
  mv "$work"/bin/* "$bin"
  rm -rf "$work"
}

# The compiler alone: `make` would first generate again what the source has, for minutes. Without the code of the
# cloud providers, which is the greater part. GOPATH mode: its go.mod is too old for Go's vendor check.
compile() (
  flags='-s -w'
  for version in k8s.io/kubernetes/vendor/k8s.io/{client-go/pkg,component-base}/version; do
    flags+=" -X $version.gitVersion=v1.20.2 -X $version.gitMajor=1 -X $version.gitMinor=20"
  done
  export HOME=$work GOPATH=$work/gopath GO111MODULE=off GOFLAGS=-tags=providerless CGO_ENABLED=0
  cd "$source" && mkdir "$work/bin" && describe_api &&
    nice -n 15 "$go" build -ldflags "$flags" -o "$work/bin/" "${programs[@]/#/./cmd/}"
)

# The one piece that the source lacks: what the API server tells of its types.
describe_api() {
  local packages
  packages=$(grep -Rl --include='*.go' --exclude='*_test.go' '+k8s:openapi-gen=' pkg cmd vendor/k8s.io/ |
    grep -v '^vendor/k8s.io/\(code-generator\|sample-apiserver\)/' | xargs -n1 dirname | LC_ALL=C sort -u |
    sed 's#^#k8s.io/kubernetes/#' | paste -sd ,)
  nice -n 15 "$go" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen &&
    PATH=$(dirname "$go"):$PATH nice -n 15 "$work/openapi-gen" --input-dirs "$packages" --output-package k8s.io/kubernetes/pkg/generated/openapi \
      --output-file-base zz_generated.openapi --go-header-file hack/boilerplate/boilerplate.generatego.txt --report-filename "$work/violations"
}

# What holds a pod's namespaces. A sleep as process 1 ignores TERM, and the kubelet would wait 10 s for it.
make_pause_image() {
  "$here/images" busybox scratch >/dev/null
  docker image inspect berth-pause:latest >/dev/null 2>&1 ||
    printf 'FROM berth-scratch:latest\nSTOPSIGNAL SIGKILL\n' | docker build -q -t berth-pause:latest - > "$run/pause.log" 2>&1
}

configure() {
  [[ ! -f $home/admin.conf ]] || return 0
  local token
  token=$(openssl rand -hex 16)
  mkdir -p "$home/certs" "$home/kubelet"
  chmod 700 "$home"
  openssl genrsa -out "$home/certs/sa.key" 2048 2>/dev/null
  openssl rsa -in "$home/certs/sa.key" -pubout -out "$home/certs/sa.pub" 2>/dev/null
  echo "$token,admin,admin,system:masters" > "$home/certs/tokens.csv"
  cat > "$home/kubelet.yaml" <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: $(docker info --format '{{.CgroupDriver}}')
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: ""
# a full disk must neither evict pods nor remove images of the Docker engine
evictionHard: {memory.available: "1Mi", nodefs.available: "0%", imagefs.available: "0%"}
# how soon a pod that uses too much of its volumes is evicted; the default is a minute
volumeStatsAggPeriod: 5s
imageGCHighThresholdPercent: 100
K
  cat > "$home/admin.conf" <<K
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://127.0.0.1:16443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: $token}}]
contexts: [{name: local, context: {cluster: local, user: admin}}]
current-context: local
K
}

start_daemons() {
  local address
  # endpoints may not be loopback addresses; nothing listens on this one
  address=$(hostname -I | cut -d ' ' -f 1)
  part etcd etcd --data-dir "$home/etcd" --unsafe-no-fsync --listen-peer-urls http://127.0.0.1:23800 \
    --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790
  part apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:23790 --bind-address=127.0.0.1 --secure-port=16443 \
    --advertise-address="${address:-172.17.0.1}" --cert-dir="$home/certs" --token-auth-file="$home/certs/tokens.csv" \
    --service-account-key-file="$home/certs/sa.pub" --service-account-signing-key-file="$home/certs/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.0.0.0/24 \
    --authorization-mode=RBAC --allow-privileged=true --disable-admission-plugins=ServiceAccount
  wait_until 60 answers "$home/admin.conf" || missing "the API server does not answer: $(last_words kubernetes-apiserver)"
  part controller "$bin/kube-controller-manager" --kubeconfig="$home/admin.conf" --leader-elect=false \
    --bind-address=127.0.0.1 --port=0 --cert-dir="$home/certs" --service-account-private-key-file="$home/certs/sa.key"
  part scheduler "$bin/kube-scheduler" --kubeconfig="$home/admin.conf" --leader-elect=false \
    --bind-address=127.0.0.1 --port=0 --cert-dir="$home/certs"
  # named localhost so that the API server reaches the kubelet without DNS
  part kubelet "$bin/kubelet" --kubeconfig="$home/admin.conf" --config="$home/kubelet.yaml" --root-dir="$home/kubelet" \
    --cert-dir="$home/certs" --hostname-override=localhost --container-runtime=docker --network-plugin= \
    --pod-infra-container-image=berth-pause:latest
  wait_until 120 node_is_ready || missing "the node does not become ready: $(last_words kubernetes-kubelet)"
}

part() {
  local label=kubernetes-$1; shift
  alive "$label" || daemon "$label" "$@"
}

# The API server may still say so of a kubelet that was killed, hence the second question.
node_is_ready() {
  local ask=(kubectl --kubeconfig "$home/admin.conf" --request-timeout=5s get)
  "${ask[@]}" node localhost < /dev/null | grep -q ' Ready ' &&
    "${ask[@]}" --raw /api/v1/nodes/localhost/proxy/healthz < /dev/null
}

down() {
  if [[ -f $home/kind.conf ]]; then
    kind delete cluster --name berth > "$run/kind.log" 2>&1
  elif [[ -f $home/admin.conf ]]; then
    local label mount
    for label in kubelet scheduler controller apiserver etcd; do stop "kubernetes-$label"; done
    docker ps -aq --filter label=io.kubernetes.pod.name | xargs -r docker rm -f >/dev/null || true
    while read -r _ mount _; do
      case $mount in "$home"/*) umount "$mount" ;; esac
    done < /proc/mounts
  else
    echo 'kubernetes left as it is (not started by us)'; return
  fi
  rm -rf "$home"
  echo 'kubernetes stopped'
}

engine "$@"
