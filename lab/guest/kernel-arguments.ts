/** What the kernel is told, however it is started. The last two leave self-tests out that take an emulated processor a quarter of a second. */
export const kernelArguments =
  "console=ttyS0 quiet panic=-1 nokaslr tsc=reliable mitigations=off cryptomgr.notests initcall_blacklist=init_kprobe_trace,crypto_kdf108_init";
