// Only a header: libFuzzer comes with the linker flag.
