# Stands before a Run step's text for PowerShell Core. TRAP_SECONDS is 3600 in a real one.
$ErrorActionPreference = 'Stop'
function Start-RemoteDebug {
    'set tmate-server-host relay.example.com' | Out-File -Append -FilePath tmate.conf
    'set tmate-server-port 22' | Out-File -Append -FilePath tmate.conf
    'set tmate-server-rsa-fingerprint "SHA256:aaaa"' | Out-File -Append -FilePath tmate.conf
    'set tmate-user acme' | Out-File -Append -FilePath tmate.conf
    $process = Start-Process -FilePath $env:TMATE_PATH -ArgumentList "-f tmate.conf -F " -NoNewWindow -PassThru
    Start-Sleep -Seconds ($env:TRAP_SECONDS ?? 3600)
    Stop-Process -Id $process.Id
}
trap { Start-RemoteDebug }
