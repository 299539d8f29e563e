"""Questions to a failed PowerShell step: lines that its hook evaluates, in the scope where it waits.

`$__hf_write` is the hook's (`agent/keeper/hooks/hook_pwsh_failed.ps1`). The environment is text there, not bytes,
and the umask cannot be known.
"""

from agent.session.inspect.place import Place

_STATE = (
    '&$__hf_write @("state=";"cwd=$($ExecutionContext.SessionState.Path.CurrentFileSystemLocation.ProviderPath)";'
    "foreach($__hf_x in [Environment]::GetEnvironmentVariables().GetEnumerator())"
    '{"env:$($__hf_x.Key)=$($__hf_x.Value)"})'
)

# Modules do not load by themselves where the hook waits.
_PROMPT = (
    "try{"
    "Import-Module Microsoft.PowerShell.Utility,Microsoft.PowerShell.Management;"
    "$__hf_in=[IO.StreamReader]::new([IO.FileStream]::new('@PTY@','Open','Read','ReadWrite'));"
    "$__hf_out=[IO.StreamWriter]::new([IO.FileStream]::new('@PTY@','Open','Write','ReadWrite'));"
    "$__hf_out.AutoFlush=1;"
    "for(;;){"
    "$__hf_out.Write('PS '+$pwd+'> ');"
    "$__hf_typed=$__hf_in.ReadLine();"
    "if($null -eq $__hf_typed -or $__hf_typed.Trim() -eq 'exit'){break};"
    "try{. ([scriptblock]::Create($__hf_typed)) *>&1|Out-String -Stream|%{$__hf_out.WriteLine($_)}}"
    "catch{$__hf_out.WriteLine(($_|Out-String))}"
    "}"
    "}finally{"
    "if($__hf_out){$__hf_out.Dispose()};"
    "if($__hf_in){$__hf_in.Dispose()};"
    "&$__hf_write @('left=')"
    "}"
)


def state(place: Place) -> str:  # noqa: ARG001  (the hook knows its descriptors)
    """Ask for the state record."""
    return _STATE


def prompt(place: Place, pty: str) -> str:  # noqa: ARG001
    """Ask for a prompt in the failed runspace, on the PTY of that name; `left=` follows.

    Keep the PTY open until the interpreter has ended: a hang-up kills it, and it cannot be made to ignore that.
    """
    return _PROMPT.replace("@PTY@", pty.replace("'", "''"))
