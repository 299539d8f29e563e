# The hook in a PowerShell step that has failed, in the scope of the handler: reports, and evaluates lines until they end.
# Plain $Error is empty here. Modules do not load by themselves, so only what is always there is used.
try{
    Set-StrictMode -Off;
    $__hf_pipe=[IO.FileStream]::new([Microsoft.Win32.SafeHandles.SafeFileHandle]::new([IntPtr]@REPORT@,$false),[IO.FileAccess]::Write);
    $__hf_write={
        $__hf_bytes=[Text.Encoding]::UTF8.GetBytes(($args[0] -join "`0")+"`0`0");
        $__hf_pipe.Write($__hf_bytes,0,$__hf_bytes.Length);
        $__hf_pipe.Flush()
    };
    $__hf_cut={
        $__hf_text=("$($args[1])".Trim() -split "[\r\n`0]")[0];
        if($__hf_text.Length -gt $args[2]){$__hf_text=$__hf_text.Substring(0,$args[2])};
        if($__hf_text){"$($args[0])=$__hf_text"}else{''}
    };
    $__hf_fields=@("code={0:000}" -f $__hf_code);
    # An `exit` says nothing about the last error, which may have been caught long ago.
    if(!$__hf_exit){
        $__hf_error=$global:Error[0];
        if($__hf_error.ErrorRecord){$__hf_error=$__hf_error.ErrorRecord};
        $__hf_place=$__hf_error.InvocationInfo;
        if($__hf_place.ScriptLineNumber){$__hf_fields+="line=$($__hf_place.ScriptLineNumber)"};
        if("$($__hf_error.ScriptStackTrace)" -match '^at ([^<,][^,]*),'){$__hf_fields+=&$__hf_cut 'function' $Matches[1] 100};
        # A character has at most three bytes here, so a report has at most 3,100.
        $__hf_fields+=&$__hf_cut 'command' $__hf_place.Line 400;
        $__hf_fields+=&$__hf_cut 'error' $__hf_error 500
    };
    &$__hf_write @($__hf_fields -ne '');
    $__hf_answers=[IO.StreamReader]::new([IO.FileStream]::new([Microsoft.Win32.SafeHandles.SafeFileHandle]::new([IntPtr]@ANSWERS@,$false),[IO.FileAccess]::Read));
    while($null -ne ($__hf_line=$__hf_answers.ReadLine())){
        try{.([scriptblock]::Create($__hf_line))}catch{}
    }
}catch{}
