"""What the agent believes of Windows' structures, functions and numbers, held against headers."""

from pathlib import Path

from passmuster_agent.windows import account, file_rights, folders
from passmuster_collectors.host.dll import Guid
from tests.support.windows_headers import check, constant, function, not_exported, structure

HEADERS = ("aclapi.h", "sddl.h", "shlobj.h", "knownfolders.h")
FUNCTIONS = (*account.FUNCTIONS, *file_rights.FUNCTIONS, *folders.FUNCTIONS)
STRUCTURES = [
    *structure(Guid, "GUID"),
    *structure(
        account.SidAndAttributes, "TOKEN_USER", {"Sid": "User", "Attributes": "User.Attributes"}
    ),
    *structure(file_rights.SecurityAttributes, "SECURITY_ATTRIBUTES"),
]
CONSTANTS = {
    "TOKEN_QUERY": account.TOKEN_QUERY,
    "TokenUser": account.TOKEN_USER,
    "TokenElevation": account.TOKEN_ELEVATION,
    "SDDL_REVISION_1": file_rights.SDDL_REVISION_1,
    "SE_FILE_OBJECT": file_rights.SE_FILE_OBJECT,
    "OWNER_SECURITY_INFORMATION": file_rights.OWNER_SECURITY_INFORMATION,
    "DACL_SECURITY_INFORMATION": file_rights.DACL_SECURITY_INFORMATION,
    "READ_CONTROL": file_rights.READ_CONTROL,
    "FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE": file_rights.SHARE_ALL,
    "OPEN_EXISTING": file_rights.OPEN_EXISTING,
    "FILE_FLAG_BACKUP_SEMANTICS": file_rights.BACKUP_SEMANTICS,
    "FILE_FLAG_OPEN_REPARSE_POINT": file_rights.OPEN_REPARSE_POINT,
    "ERROR_ALREADY_EXISTS": file_rights.ALREADY_EXISTS,
}


def test_they_are_as_the_headers_say(tmp_path: Path) -> None:
    claims = [
        *STRUCTURES,
        *(line for each in FUNCTIONS for line in function(each)),
        *(line for name, value in CONSTANTS.items() for line in constant(name, value)),
    ]
    check(HEADERS, claims, tmp_path)


def test_every_function_is_exported_by_the_file_it_is_looked_for_in() -> None:
    assert not_exported(FUNCTIONS) == []
