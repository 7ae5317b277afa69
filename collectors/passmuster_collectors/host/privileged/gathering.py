"""Which function of a machine answers which word."""

from collections.abc import Callable, Mapping

from passmuster_collectors.host.base import Host
from passmuster_collectors.host.privileged import crypttab, device_mapper, firewall, people, wifi
from passmuster_collectors.host.privileged.verbs import Answers, Verb

GATHER: Mapping[Verb, Callable[[Host], Answers]] = {
    Verb.CRYPTTAB: crypttab.gather,
    Verb.DEVICE_MAPPER: device_mapper.gather,
    Verb.WIFI: wifi.gather,
    Verb.PROCESSES: people.gather_processes,
    Verb.ENVIRONMENTS: people.gather_environments,
    Verb.FIREWALL: firewall.gather,
}
