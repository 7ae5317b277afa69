"""German."""

from collections.abc import Mapping

from passmuster_server.gate.decision import Cause
from passmuster_server.gate.languages.english import ENGLISH
from passmuster_server.gate.languages.language import CauseWords, Language

_REGISTERED = (
    "Kundendaten dürfen nur auf Laptops geöffnet werden, die der IT bekannt und sicher sind."
)
_RECENT = "Nur von einem Laptop, der vor Kurzem geprüft wurde, ist bekannt, dass er sicher ist."


def _cause(cause: Cause, worker: str, why: str, *steps: str) -> tuple[Cause, CauseWords]:
    # What IT reads stays in one language, that of the reports and of the policy.
    return cause, CauseWords(worker, ENGLISH.causes[cause].admin, why, steps)


_CAUSES: Mapping[Cause, CauseWords] = dict(
    (
        _cause(
            Cause.NO_DEVICE,
            "Für Sie ist kein Laptop registriert.",
            _REGISTERED,
            "Bitten Sie die IT, Ihren Arbeitslaptop zu registrieren.",
        ),
        _cause(
            Cause.NOT_PROVEN,
            "Es ist nicht klar, an welchem Laptop Sie sitzen.",
            "Es zählt der Laptop vor Ihnen, nicht ein anderer, den Sie haben.",
            "Melden Sie sich an dem Laptop an, den Sie für die Arbeit bekommen haben.",
            "Wenn Sie an ihm sitzen, sagen Sie es der IT.",
        ),
        _cause(
            Cause.BREAK_GLASS,
            "Die IT hat Sie für eine Weile ohne Prüfung Ihres Laptops eingelassen.",
            "Manchmal kann die Arbeit nicht warten.",
            "Lassen Sie Ihren Laptop inzwischen in Ordnung bringen.",
        ),
        _cause(
            Cause.UNKNOWN_DEVICE,
            "Dieser Laptop ist nicht registriert.",
            _REGISTERED,
            "Benutzen Sie den Laptop, den Sie für die Arbeit bekommen haben.",
            "Oder bitten Sie die IT, diesen zu registrieren.",
        ),
        _cause(
            Cause.OTHER_OWNER,
            "Dieser Laptop ist für jemand anderen registriert.",
            "Jeder Laptop ist für die eine Person registriert, die mit ihm arbeitet.",
            "Benutzen Sie Ihren eigenen Arbeitslaptop.",
            "Wenn dieser Laptop jetzt Ihrer ist, bitten Sie die IT, ihn neu zu registrieren.",
        ),
        _cause(
            Cause.PENDING,
            "Die IT hat diesen Laptop noch nicht freigegeben.",
            "Ein Laptop, der mit vielen anderen eingerichtet wurde, öffnet nichts, bis die IT ihn "
            "angesehen hat.",
            "Bitten Sie die IT, diesen Laptop freizugeben.",
            "Prüfen Sie dann erneut.",
        ),
        _cause(
            Cause.REVOKED,
            "Die IT hat diesen Laptop gesperrt.",
            "Ein Laptop wird gesperrt, wenn er verloren, ersetzt oder zurückgegeben wurde.",
            "Fragen Sie die IT, welchen Laptop Sie benutzen sollen.",
        ),
        _cause(
            Cause.LOST,
            "Dieser Laptop wurde als verloren gemeldet.",
            "Ein verlorener Laptop öffnet nichts, bis die IT ihn zurückhat.",
            "Sagen Sie der IT, dass Sie ihn haben.",
            "Benutzen Sie einen anderen Laptop, bis die IT diesen angesehen hat.",
        ),
        _cause(
            Cause.RETIRED,
            "Dieser Laptop ist nicht mehr registriert.",
            _REGISTERED,
            "Bitten Sie die IT, ihn neu zu registrieren.",
        ),
        _cause(
            Cause.CONFLICT,
            "Die IT muss sich diesen Laptop ansehen, bevor Sie sich anmelden können.",
            "Seine Registrierung wurde so benutzt, wie es ein Laptop allein nicht tut.",
            "Bitten Sie die IT, diesen Laptop neu zu registrieren.",
        ),
        _cause(
            Cause.NEVER_REPORTED,
            "Dieser Laptop wurde noch nicht geprüft.",
            _RECENT,
            "Verbinden Sie ihn mit dem Internet.",
            "Warten Sie eine Minute und prüfen Sie dann erneut.",
        ),
        _cause(
            Cause.STALE,
            "Dieser Laptop wurde längere Zeit nicht geprüft.",
            _RECENT,
            "Verbinden Sie ihn mit dem Internet.",
            "Warten Sie eine Minute und prüfen Sie dann erneut.",
            "Oder starten Sie den Laptop neu.",
        ),
        _cause(
            Cause.UNREADABLE,
            "Dieser Laptop konnte nicht geprüft werden.",
            _RECENT,
            "Starten Sie den Laptop neu und prüfen Sie dann erneut.",
        ),
        _cause(
            Cause.NON_COMPLIANT,
            "Dieser Laptop ist nicht sicher eingerichtet.",
            _REGISTERED,
            "Fragen Sie die IT, was zu ändern ist.",
        ),
        _cause(Cause.NOT_A_PERSON, "Hier können sich nur Personen anmelden.", _REGISTERED),
    )
)

GERMAN = Language(
    tag="de",
    causes=_CAUSES,
    until="Bitte bringen Sie das bis {moment} in Ordnung.",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    moment_format="{day}. {month} {year}, {time} UTC",
)
