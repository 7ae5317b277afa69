"""What the agent believes of Windows' structures, functions and numbers, held against headers."""

from pathlib import Path

from passmuster_agent.keystore import cng
from passmuster_agent.service import windows_api, windows_logon
from passmuster_agent.windows import (
    account,
    balloon,
    data_protection,
    file_rights,
    folders,
    pipe_api,
)
from passmuster_collectors.host.dll import Guid
from tests.support.windows_headers import check, constant, function, not_exported, structure

HEADERS = ("winsvc.h", "aclapi.h", "sddl.h", "shlobj.h", "dpapi.h", "bcrypt.h", "ncrypt.h")
FUNCTIONS = (
    *account.FUNCTIONS,
    *file_rights.FUNCTIONS,
    *folders.FUNCTIONS,
    *data_protection.FUNCTIONS,
    *cng.FUNCTIONS,
    *windows_api.RUNNING_FUNCTIONS,
    *windows_api.INSTALLING_FUNCTIONS,
    *pipe_api.PIPE_FUNCTIONS,
    *balloon.FUNCTIONS,
    *windows_logon.FUNCTIONS,
)
STRUCTURES = [
    *structure(Guid, "GUID"),
    *structure(
        account.SidAndAttributes, "TOKEN_USER", {"Sid": "User", "Attributes": "User.Attributes"}
    ),
    *structure(file_rights.SecurityAttributes, "SECURITY_ATTRIBUTES"),
    *structure(windows_api.TableEntry, "SERVICE_TABLE_ENTRYW"),
    *structure(windows_api.ServiceStatus, "SERVICE_STATUS"),
    *structure(windows_api.Description, "SERVICE_DESCRIPTIONW"),
    *structure(windows_api.Action, "SC_ACTION"),
    *structure(windows_api.FailureActions, "SERVICE_FAILURE_ACTIONSW"),
    *structure(windows_api.FailureFlag, "SERVICE_FAILURE_ACTIONS_FLAG"),
    *structure(windows_api.SidInfo, "SERVICE_SID_INFO"),
    *structure(data_protection.DataBlob, "DATA_BLOB"),
    *structure(pipe_api.Overlapped, "OVERLAPPED"),
    *structure(balloon.NotifyIconData, "NOTIFYICONDATAW"),
    *structure(cng.PublicBlob, "BCRYPT_ECCKEY_BLOB"),
]
CONSTANTS: dict[str, int | str] = {
    "TOKEN_QUERY": account.TOKEN_QUERY,
    "TokenUser": account.TOKEN_USER,
    "TokenElevation": account.TOKEN_ELEVATION,
    "KEY_SET_VALUE": windows_logon.SET_VALUE,
    "KEY_WOW64_64KEY": windows_logon.VIEW_64,
    "REG_SZ": windows_logon.TEXT_VALUE,
    "NIM_ADD": balloon.ADD,
    "NIM_MODIFY": balloon.MODIFY,
    "NIM_DELETE": balloon.DELETE,
    "NIF_ICON": balloon.WITH_ICON,
    "NIF_TIP": balloon.WITH_TIP,
    "NIF_INFO": balloon.WITH_INFO,
    "NIIF_WARNING": balloon.Look.WARNING,
    "NIIF_ERROR": balloon.Look.ERROR,
    "NIIF_RESPECT_QUIET_TIME": balloon.RESPECT_QUIET_TIME,
    "TokenSessionId": account.TOKEN_SESSION,
    "SE_KERNEL_OBJECT": pipe_api.SE_KERNEL_OBJECT,
    "PIPE_ACCESS_DUPLEX": pipe_api.DUPLEX,
    "FILE_FLAG_FIRST_PIPE_INSTANCE": pipe_api.FIRST_INSTANCE,
    "FILE_FLAG_OVERLAPPED": pipe_api.OVERLAPPED,
    "PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE": pipe_api.MESSAGES,
    "PIPE_READMODE_MESSAGE": pipe_api.READ_MESSAGES,
    "PIPE_REJECT_REMOTE_CLIENTS": pipe_api.REJECT_REMOTE,
    "PIPE_UNLIMITED_INSTANCES": pipe_api.UNLIMITED,
    "SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION": pipe_api.IDENTIFICATION,
    "SYNCHRONIZE | READ_CONTROL | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | FILE_READ_DATA"
    " | FILE_WRITE_DATA": pipe_api.CLIENT_RIGHTS,
    "ERROR_IO_PENDING": pipe_api.IO_PENDING,
    "ERROR_PIPE_CONNECTED": pipe_api.PIPE_CONNECTED,
    "ERROR_MORE_DATA": pipe_api.MORE_DATA,
    "WAIT_OBJECT_0": pipe_api.WAIT_OBJECT_0,
    "INFINITE": pipe_api.FOREVER,
    "SDDL_REVISION_1": file_rights.SDDL_REVISION_1,
    "SE_FILE_OBJECT": file_rights.SE_FILE_OBJECT,
    "OWNER_SECURITY_INFORMATION": file_rights.OWNER_SECURITY_INFORMATION,
    "DACL_SECURITY_INFORMATION": file_rights.DACL_SECURITY_INFORMATION,
    "READ_CONTROL": file_rights.READ_CONTROL,
    "FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE": file_rights.SHARE_ALL,
    "OPEN_EXISTING": file_rights.OPEN_EXISTING,
    "CREATE_NEW": file_rights.CREATE_NEW,
    "GENERIC_WRITE": file_rights.GENERIC_WRITE,
    "FILE_SHARE_READ | FILE_SHARE_DELETE": file_rights.SHARE_READ_AND_DELETE,
    "FILE_ATTRIBUTE_NORMAL": file_rights.NORMAL,
    "ERROR_FILE_EXISTS": file_rights.FILE_EXISTS,
    "FILE_FLAG_BACKUP_SEMANTICS": file_rights.BACKUP_SEMANTICS,
    "FILE_FLAG_OPEN_REPARSE_POINT": file_rights.OPEN_REPARSE_POINT,
    "ERROR_ALREADY_EXISTS": file_rights.ALREADY_EXISTS,
    "SERVICE_WIN32_OWN_PROCESS": windows_api.OWN_PROCESS,
    "SERVICE_AUTO_START": windows_api.AUTO_START,
    "SERVICE_ERROR_NORMAL": windows_api.ERROR_NORMAL,
    "SERVICE_STOPPED": windows_api.STOPPED,
    "SERVICE_START_PENDING": windows_api.START_PENDING,
    "SERVICE_STOP_PENDING": windows_api.STOP_PENDING,
    "SERVICE_RUNNING": windows_api.RUNNING,
    "SERVICE_ACCEPT_STOP": windows_api.ACCEPT_STOP,
    "SERVICE_ACCEPT_SHUTDOWN": windows_api.ACCEPT_SHUTDOWN,
    "SERVICE_ACCEPT_POWEREVENT": windows_api.ACCEPT_POWER,
    "SERVICE_ACCEPT_SESSIONCHANGE": windows_api.ACCEPT_SESSION,
    "SERVICE_CONTROL_STOP": windows_api.CONTROL_STOP,
    "SERVICE_CONTROL_INTERROGATE": windows_api.CONTROL_INTERROGATE,
    "SERVICE_CONTROL_SHUTDOWN": windows_api.CONTROL_SHUTDOWN,
    "SERVICE_CONTROL_POWEREVENT": windows_api.CONTROL_POWER,
    "SERVICE_CONTROL_SESSIONCHANGE": windows_api.CONTROL_SESSION,
    "PBT_APMRESUMESUSPEND": windows_api.RESUME_SUSPEND,
    "PBT_APMRESUMEAUTOMATIC": windows_api.RESUME_AUTOMATIC,
    "ERROR_CALL_NOT_IMPLEMENTED": windows_api.NOT_IMPLEMENTED,
    "ERROR_SERVICE_SPECIFIC_ERROR": windows_api.SPECIFIC_ERROR,
    "ERROR_FAILED_SERVICE_CONTROLLER_CONNECT": windows_api.NOT_STARTED_AS_A_SERVICE,
    "ERROR_SERVICE_EXISTS": windows_api.EXISTS,
    "ERROR_SERVICE_DOES_NOT_EXIST": windows_api.MISSING,
    "ERROR_SERVICE_NOT_ACTIVE": windows_api.NOT_ACTIVE,
    "ERROR_SERVICE_MARKED_FOR_DELETE": windows_api.MARKED_FOR_DELETE,
    "ERROR_SERVICE_ALREADY_RUNNING": windows_api.ALREADY_RUNNING,
    "SC_MANAGER_CONNECT": windows_api.MANAGER_CONNECT,
    "SC_MANAGER_CREATE_SERVICE": windows_api.MANAGER_CREATE,
    "SERVICE_ALL_ACCESS": windows_api.ALL_ACCESS,
    "SERVICE_CONFIG_DESCRIPTION": windows_api.CONFIG_DESCRIPTION,
    "SERVICE_CONFIG_FAILURE_ACTIONS": windows_api.CONFIG_FAILURE_ACTIONS,
    "SERVICE_CONFIG_FAILURE_ACTIONS_FLAG": windows_api.CONFIG_FAILURE_FLAG,
    "SERVICE_CONFIG_SERVICE_SID_INFO": windows_api.CONFIG_SID,
    "SC_ACTION_RESTART": windows_api.ACTION_RESTART,
    "SERVICE_SID_TYPE_UNRESTRICTED": windows_api.SID_UNRESTRICTED,
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
