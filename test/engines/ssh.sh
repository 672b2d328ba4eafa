#!/usr/bin/env bash
# An SSH server of our own on 127.0.0.1, with its own keys; ~/.ssh is neither read nor written.
# Log in with `ssh -F "$BERTH_TEST_SSH_CONFIG" "$BERTH_TEST_SSH_HOST"`, over two hops with "$BERTH_TEST_SSH_JUMP_HOST".
source "$(dirname "$0")/lib.sh"

home=$run/ssh

up() {
  need ssh openssh-client
  local config=${BERTH_TEST_SSH_CONFIG:-$home/config}
  if [[ $config != "$home/config" ]]; then
    [[ -n ${BERTH_TEST_SSH_HOST:-} ]] || missing 'BERTH_TEST_SSH_CONFIG is set, but not BERTH_TEST_SSH_HOST'
    answers "$config" "$BERTH_TEST_SSH_HOST" || missing "ssh to $BERTH_TEST_SSH_HOST failed: $(last_words ssh-client)"
  else
    answers "$config" berth-ssh || start
    keep BERTH_TEST_SSH_HOST berth-ssh
    keep BERTH_TEST_SSH_JUMP_HOST berth-ssh-jump
  fi
  keep BERTH_TEST_SSH_CONFIG "$config"
  ready "$(sed -n 's/.*remote software version //p' "$run/ssh-client.log" | tr -d '\r')" \
    "$(ssh -T -G -F "$config" "$BERTH_TEST_SSH_HOST" | awk '/^(hostname|port) / { print $2 }' | paste -sd : -)"
}

# answers CONFIG HOST
answers() {
  [[ -f $1 ]] && within 10 ssh -v -F "$1" -o BatchMode=yes "$2" true < /dev/null > "$run/ssh-client.log" 2>&1
}

start() {
  need sshd openssh-server
  stop sshd
  configure
  # sshd insists on its absolute path; as root it wants this directory, which Debian makes at boot
  if [[ $EUID == 0 ]]; then mkdir -p /run/sshd; fi
  daemon sshd "$(command -v sshd)" -D -e -f "$home/sshd_config"
  wait_until 10 answers "$home/config" berth-ssh || missing "sshd does not answer: $(last_words sshd) $(last_words ssh-client)"
}

configure() {
  local port user
  port=$(free_port 22022) user=$(id -un)
  mkdir -p "$home/home"
  chmod 700 "$home"
  [[ -f $home/host_key ]] || ssh-keygen -q -t ed25519 -N '' -C berth-engines -f "$home/host_key"
  [[ -f $home/client_key ]] || ssh-keygen -q -t ed25519 -N '' -C berth-engines -f "$home/client_key"
  echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$home/host_key.pub")" > "$home/known_hosts"
  cat > "$home/sshd_config" <<C
ListenAddress 127.0.0.1:$port
HostKey $home/host_key
AuthorizedKeysFile $home/client_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv LANG LC_*
# no start-up file of the account is read: a shell that looks for its versions first may take a minute
SetEnv HOME=$home/home
MaxStartups 200
Subsystem sftp internal-sftp
C
  cat > "$home/config" <<C
Host berth-ssh berth-ssh-jump
  HostName 127.0.0.1
  Port $port
  User $user
  IdentityFile $home/client_key
  IdentitiesOnly yes
  UserKnownHostsFile $home/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
Host berth-ssh-jump
  ProxyJump berth-ssh
C
}

down() {
  alive sshd || { echo 'ssh left as it is (not started by us)'; return; }
  stop sshd
  echo 'ssh stopped'
}

engine "$@"
