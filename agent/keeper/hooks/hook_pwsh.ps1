# The hook in a PowerShell step: a subscription to the end of the engine, in front of the step's text, on its line.
# The lines are joined as they are, and comments left out, so each ends where a statement or a block does.
# Every statement here costs a passing step: what is needed after a failure only is a string, and not parsed before.
$null=$ExecutionContext.Events.SubscribeEvent($null,$null,'PowerShell.Exiting',$null,{
    # The very first thing: every statement sets it anew.
    $__hf_ok=$?;
    $__hf_code=if($__hf_ok){0}else{1};
    $__hf_exit=$false;
    # The host's private fields know of `exit N`; where they are no more, $? is all
    # that is known. 36: of instances, not public.
    try{
        $__hf_host=$host.GetType().GetProperty('ExternalHost',36).GetValue($host);
        $__hf_exit=$__hf_host.GetType().GetField('_setShouldExitCalled',36).GetValue($__hf_host);
        if($__hf_exit){$__hf_code=255 -band $__hf_host.GetType().GetField('_exitCodeFromRunspace',36).GetValue($__hf_host)}
    }catch{$__hf_exit=$true};
    if(!$__hf_code){return};
    .([scriptblock]::Create('@FAILED@'))
},$true,$false);
