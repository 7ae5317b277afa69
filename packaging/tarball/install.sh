#!/bin/sh
# Installs the agent from this folder, or upgrades it. For systems without dpkg and rpm.
#
#     sudo ./install.sh
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
kept=/etc/xdg/autostart/passmuster-companion.desktop

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "has to be run by root"
command -v systemctl >/dev/null || fail "needs systemd"
"$here/root/usr/lib/passmuster-agent/passmuster-agent" --version >/dev/null ||
    fail "the agent does not start on this system; its C library may be older than @C_LIBRARY@"
if command -v dpkg-query >/dev/null && dpkg-query -W passmuster-agent >/dev/null 2>&1; then
    fail "the agent is installed as a Debian package; upgrade that one"
fi
if command -v rpm >/dev/null && rpm -q passmuster-agent >/dev/null 2>&1; then
    fail "the agent is installed as an RPM; upgrade that one"
fi

new=yes
[ ! -e /usr/lib/passmuster-agent ] || new=no
running=no
if [ -d /run/systemd/system ] && systemctl --quiet is-active passmuster-agent.service; then
    running=yes
fi
added=""
for unit in @ENABLED_UNITS@; do
    [ -e "/usr/lib/systemd/system/$unit" ] || added="$added $unit"
done
if [ -d /run/systemd/system ] && [ "$new" = no ]; then
    # A running agent loads parts of itself from the files that are about to be replaced. The version
    # before may not have all of these.
    systemctl --quiet stop @ENABLED_UNITS@ @OTHER_UNITS@ 2>/dev/null || :
fi

# Nothing of the version before is left among the new libraries.
rm -rf /usr/lib/passmuster-agent /usr/share/doc/passmuster-agent
cd "$here/root"
find . -type d -exec sh -c 'for each; do [ -d "/$each" ] || install -d -m 755 "/$each"; done' sh {} +
find . ! -type d | while read -r file; do
    if [ "/${file#./}" = "$kept" ] && [ -e "$kept" ]; then
        # It is yours to change.
        continue
    fi
    cp -a --no-preserve=ownership --remove-destination "$file" "/$file"
done

systemd-sysusers passmuster-agent.conf
systemd-tmpfiles --create passmuster-agent.conf || :
for unit in $added; do
    systemctl --quiet enable "$unit"
done
if [ "$new" = yes ]; then
    systemctl --quiet --global enable @COMPANION@
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    for unit in @ENABLED_UNITS@; do
        case "$unit" in
            # Before enrolment the agent's condition is not met.
            *.service) [ "$new" = yes ] || [ "$running" = yes ] || continue ;;
            *) systemctl --quiet is-enabled "$unit" || continue ;;
        esac
        systemctl start "$unit"
    done
    # Companions of people who are logged in go on with the new version.
    for person in @PEOPLE_LOGGED_IN@; do
        systemctl --user --machine "$person@" daemon-reload >/dev/null 2>&1 || :
        systemctl --user --machine "$person@" try-restart @COMPANION@ >/dev/null 2>&1 || :
    done
fi
echo "Installed: $(/usr/bin/passmuster-agent --version)"
