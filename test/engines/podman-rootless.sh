#!/usr/bin/env bash
# Podman without root. Where the tests run as root, it belongs to a user made for it; elsewhere podman itself is rootless.
source "$(dirname "$0")/lib.sh"

user=berth-rootless

up() {
  "$here/podman.sh" up >/dev/null || missing 'podman is missing'
  [[ $EUID == 0 ]] || { as_it_is; return; }
  have_user
  as=$run/as-$user
  install -d -o $user -g $user -m 700 "$run/rootless"
  as_user > "$as"
  chmod 755 "$as"
  cd / # the checkout may be closed to the user
  within 60 "$as" podman info --format '{{.Host.Security.Rootless}}' 2> "$run/$name.log" | grep -qx true ||
    missing "$(last_words "$name")"
  runs_containers || missing "its containers do not start: $(last_words "$name")"
  keep BERTH_TEST_ROOTLESS "$as"
  ready "$(within 30 podman version --format '{{.Client.Version}}')" "$user"
}

as_it_is() {
  [[ $(within 30 podman info --format '{{.Host.Security.Rootless}}') == true ]] || missing 'podman here is not rootless'
  ready "$(within 30 podman version --format '{{.Client.Version}}')" 'podman itself'
}

have_user() {
  need newuidmap uidmap
  need slirp4netns slirp4netns
  # everybody may use it where udev makes it; without udev nobody but root may
  if may_install && [[ -c /dev/net/tun ]]; then chmod 666 /dev/net/tun; fi
  if ! getent passwd $user >/dev/null; then
    may_install || missing "there is no user $user with subordinate ids (as root on Debian, --install makes one)"
    useradd --create-home --shell /bin/sh $user
  fi
  grep -qs "^$user:" /etc/subuid || missing "$user has no line in /etc/subuid"
}

# A command as the user, with what a login would have set; it keeps its process, so that signals find it.
as_user() {
  cat <<W
#!/bin/sh
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME
export HOME='$(getent passwd $user | cut -d: -f6)' XDG_RUNTIME_DIR='$run/rootless' USER=$user LOGNAME=$user
exec setpriv --reuid=$user --regid=$user --init-groups "\$@"
W
}

# The images come from root's podman; one runs with network, because that is what fails first.
runs_containers() {
  "$here/images" busybox git >/dev/null
  local image
  for image in localhost/berth-git:latest localhost/berth-busybox:latest; do
    "$as" podman image exists $image ||
      podman save $image 2>> "$run/$name.log" | "$as" podman load >> "$run/$name.log" 2>&1
  done
  within 60 "$as" podman run --rm --init --pull=never "$image" true 2>> "$run/$name.log"
}

engine "$@"
