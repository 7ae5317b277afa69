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

systemctl --quiet --global disable passmuster-companion.service || :
if [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now passmuster-agent.service passmuster-agent-helper.socket passmuster-agent-firewall.socket || :
    systemctl stop passmuster-agent-helper.service passmuster-agent-firewall.service || :
else
    systemctl --quiet disable passmuster-agent.service passmuster-agent-helper.socket passmuster-agent-firewall.socket || :
fi
rm -rf /usr/lib/passmuster-agent /usr/share/doc/passmuster-agent
rm -f /usr/bin/passmuster-agent \
    /usr/share/man/man1/passmuster-agent.1.gz \
    /usr/lib/systemd/system/passmuster-agent.service \
    /usr/lib/systemd/system/passmuster-agent-helper.service \
    /usr/lib/systemd/system/passmuster-agent-firewall.service \
    /usr/lib/systemd/system/passmuster-agent-helper.socket \
    /usr/lib/systemd/system/passmuster-agent-firewall.socket \
    /usr/lib/systemd/user/passmuster-companion.service \
    /usr/lib/sysusers.d/passmuster-agent.conf \
    /usr/lib/tmpfiles.d/passmuster-agent.conf
if [ "${1-}" = --purge ]; then
    rm -rf /var/lib/passmuster-agent
    rm -f /etc/xdg/autostart/passmuster-companion.desktop
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
