#!/bin/sh
# Removes what install.sh has installed. With --purge also who this laptop was: its key, its enrolment
# and what waits to be sent. The user stays: its number must not come to own what it left elsewhere.
set -eu

if [ "$(id -u)" -ne 0 ]; then
    echo "uninstall.sh: has to be run by root" >&2
    exit 1
fi
case "${1-}" in
    "" | --purge) ;;
    *)
        echo "usage: uninstall.sh [--purge]" >&2
        exit 2
        ;;
esac

systemctl --quiet --global disable @COMPANION@ || :
systemctl --quiet disable @ENABLED_UNITS@ || :
if [ -d /run/systemd/system ]; then
    systemctl stop @ENABLED_UNITS@ @OTHER_UNITS@ || :
    for person in @PEOPLE_LOGGED_IN@; do
        systemctl --user --machine "$person@" stop @COMPANION@ >/dev/null 2>&1 || :
    done
fi
rm -rf /usr/lib/passmuster-agent /usr/share/doc/passmuster-agent
for unit in @ENABLED_UNITS@ @OTHER_UNITS@; do
    rm -f "/usr/lib/systemd/system/$unit"
done
rm -f /usr/bin/passmuster-agent \
    /usr/share/man/man1/passmuster-agent.1.gz \
    /usr/lib/systemd/user/@COMPANION@ \
    /usr/lib/sysusers.d/passmuster-agent.conf \
    /usr/lib/tmpfiles.d/passmuster-agent.conf
if [ "${1-}" = --purge ]; then
    rm -rf /var/lib/passmuster-agent
    rm -f /etc/xdg/autostart/passmuster-companion.desktop
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
