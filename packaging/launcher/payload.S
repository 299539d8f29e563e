    .section .rodata
    .globl payload_start, payload_end
    .balign 64
payload_start:
    .incbin "payload.zst"
payload_end:
    .section .note.GNU-stack, "", %progbits
