// Each file becomes part of the program as it is. The compiler does not know that this file depends on those, so the
// Makefile touches it when one of them is newer; a test compares what is embedded with what lies in Assets/.
#include "CAssets.h"

#define EMBED(name, path)                                                                                              \
    __asm__(".pushsection .rodata\n"                                                                                   \
            ".balign 16\n" #name "_start:\n"                                                                           \
            ".incbin \"" SLUICE_ASSETS "/" path "\"\n" #name "_end:\n"                                                 \
            ".byte 0\n"                                                                                                \
            ".popsection\n");                                                                                          \
    extern const unsigned char name##_start[], name##_end[];                                                           \
    SluiceAsset name(void) { return (SluiceAsset){name##_start, (size_t)(name##_end - name##_start)}; }

EMBED(sluice_asset_risk_rules, "risk/rules.json")
EMBED(sluice_asset_finding_rules, "risk/findings.json")
