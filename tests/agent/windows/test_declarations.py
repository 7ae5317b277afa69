"""What the agent believes of Windows' structures, functions and numbers, held against headers."""

from pathlib import Path

from passmuster_agent.keystore import cng
from passmuster_agent.windows import account, data_protection, file_rights, folders
from passmuster_collectors.host.dll import Guid
from tests.support.windows_headers import check, constant, function, not_exported, structure

HEADERS = ("aclapi.h", "sddl.h", "shlobj.h", "dpapi.h", "bcrypt.h", "ncrypt.h")
FUNCTIONS = (
    *account.FUNCTIONS,
    *file_rights.FUNCTIONS,
    *folders.FUNCTIONS,
    *data_protection.FUNCTIONS,
    *cng.FUNCTIONS,
)
STRUCTURES = [
    *structure(Guid, "GUID"),
    *structure(
        account.SidAndAttributes, "TOKEN_USER", {"Sid": "User", "Attributes": "User.Attributes"}
    ),
    *structure(file_rights.SecurityAttributes, "SECURITY_ATTRIBUTES"),
    *structure(data_protection.DataBlob, "DATA_BLOB"),
    *structure(cng.PublicBlob, "BCRYPT_ECCKEY_BLOB"),
]
CONSTANTS: dict[str, int | str] = {
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
    "CRYPTPROTECT_UI_FORBIDDEN": data_protection.UI_FORBIDDEN,
    "CRYPTPROTECT_LOCAL_MACHINE": data_protection.LOCAL_MACHINE,
    "MS_PLATFORM_CRYPTO_PROVIDER": cng.PROVIDER,
    "BCRYPT_ECDSA_P256_ALGORITHM": cng.ALGORITHM,
    "BCRYPT_ECCPUBLIC_BLOB": cng.PUBLIC_BLOB,
    "BCRYPT_ECDSA_PUBLIC_P256_MAGIC": cng.PUBLIC_MAGIC,
    "NCRYPT_MACHINE_KEY_FLAG": cng.MACHINE_KEY,
    "NCRYPT_SILENT_FLAG": cng.SILENT,
    "(DWORD)NTE_EXISTS": cng.EXISTS,
    "(DWORD)NTE_BAD_KEYSET": cng.BAD_KEYSET,
    "(DWORD)NTE_NOT_FOUND": cng.NOT_FOUND,
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
