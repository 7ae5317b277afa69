"""Calls the methods of BitLocker's interface and hands on what they return, as numbers.

The properties of the same class are not read: Windows keeps them from when it made the object, and
on Windows 11 26100 they call a decrypted disk protected. Needs an administrator's rights.
Documented under Win32_EncryptableVolume; the error numbers are `MI_Result` in mi.h.
"""

import base64
from typing import Any

from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.disk_encryption.windows.encryptable import (
    EncryptableVolume,
    parse_volumes,
)
from passmuster_collectors.signals.program_output import parsed_json

SOURCE = "Win32_EncryptableVolume"
# PowerShell alone takes seconds to start on a busy laptop; what follows a failure needs the rest of
# the readers' ten.
TIMEOUT_S = 7.0

ACCESS_DENIED = 2
MISSING = frozenset({3, 5, 6, 7})  # no such namespace, class or object; not supported

SCRIPT = r"""# BitLocker
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {
    $volumes = @(Get-CimInstance -Namespace 'root\cimv2\Security\MicrosoftVolumeEncryption' `
        -ClassName Win32_EncryptableVolume | ForEach-Object {
        $volume = $_
        $answers = [ordered]@{
            DeviceID = [string]$volume.DeviceID
            DriveLetter = [string]$volume.DriveLetter
            VolumeType = [long]$volume.VolumeType
        }
        foreach ($name in 'GetProtectionStatus', 'GetConversionStatus', 'GetLockStatus',
            'GetEncryptionMethod') {
            $answer = Invoke-CimMethod -InputObject $volume -MethodName $name
            $numbers = [ordered]@{ ReturnValue = [long]$answer.ReturnValue }
            foreach ($field in 'ProtectionStatus', 'ConversionStatus', 'EncryptionFlags',
                'LockStatus', 'EncryptionMethod') {
                if ($null -ne $answer.$field) { $numbers[$field] = [long]$answer.$field }
            }
            $answers[$name] = $numbers
        }
        $answers['KeyProtectorTypes'] = $null
        $keys = Invoke-CimMethod -InputObject $volume -MethodName GetKeyProtectors `
            -Arguments @{ KeyProtectorType = [uint32]0 }
        if ($keys.ReturnValue -eq 0) {
            $answers['KeyProtectorTypes'] = @($keys.VolumeKeyProtectorID | Where-Object { $_ } |
                ForEach-Object {
                    [long](Invoke-CimMethod -InputObject $volume -MethodName GetKeyProtectorType `
                        -Arguments @{ VolumeKeyProtectorID = $_ }).KeyProtectorType
                })
        }
        $answers
    })
    $told = @{ volumes = $volumes }
} catch {
    $told = @{ error = [long]$_.Exception.NativeErrorCode }
}
ConvertTo-Json -InputObject $told -Depth 6 -Compress
"""
"""Constant: nothing is ever put into it. It prints numbers, a drive's letter and its identifier.

No method of .NET is called: where only signed scripts may do so, this one still runs.
"""

ARGUMENTS = (
    "-NoLogo",
    "-NoProfile",
    "-NonInteractive",
    "-EncodedCommand",
    base64.b64encode(SCRIPT.encode("utf-16-le")).decode("ascii"),
)


def call_methods(host: Host) -> tuple[EncryptableVolume, ...]:
    """Return what BitLocker says of every volume that it knows. Raises `SourceError`."""
    completed = host.run(Program.POWERSHELL, *ARGUMENTS, timeout_s=TIMEOUT_S)
    if completed.status != 0:
        raise SourceConflictError(SOURCE, f"exit status {completed.status}")
    told = parsed_json(SOURCE, completed.stdout)
    if not isinstance(told, dict) or len(told) != 1:
        raise SourceConflictError(SOURCE, "not what the script prints")
    if "error" in told:
        raise _refusal(told["error"])
    return parse_volumes(told.get("volumes"))


def _refusal(code: Any) -> SourceError:
    detail = f"error {code}" if type(code) is int else "an error without a number"
    if code == ACCESS_DENIED:
        return SourceDeniedError(SOURCE, detail)
    if code in MISSING:
        return SourceMissingError(SOURCE, detail)
    return SourceConflictError(SOURCE, detail)
