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
EMBED(sluice_asset_studio_prices, "studio/prices.json")
EMBED(sluice_asset_site_css, "site/site.css")
EMBED(sluice_asset_site_js, "site/search.js")

#define ATTACK_FAMILIES(FAMILY)                                                                                        \
    FAMILY(approval_bypass, "approval-bypass") \
    FAMILY(benchmark_taxonomy, "benchmark-taxonomy") \
    FAMILY(bulk_modification, "bulk-modification") \
    FAMILY(command_injection, "command-injection") \
    FAMILY(config_poisoning, "config-poisoning") \
    FAMILY(confused_deputy, "confused-deputy") \
    FAMILY(cross_server_shadowing, "cross-server-shadowing") \
    FAMILY(data_exfiltration, "data-exfiltration") \
    FAMILY(denial_of_service, "denial-of-service") \
    FAMILY(destructive_action, "destructive-action") \
    FAMILY(dns_rebinding, "dns-rebinding") \
    FAMILY(elicitation_phishing, "elicitation-phishing") \
    FAMILY(financial_fraud, "financial-fraud") \
    FAMILY(image_abuse, "image-abuse") \
    FAMILY(memory_poisoning, "memory-poisoning") \
    FAMILY(missing_auth_exposure, "missing-auth-exposure") \
    FAMILY(multimodal_injection, "multimodal-injection") \
    FAMILY(path_traversal, "path-traversal") \
    FAMILY(policy_bypass, "policy-bypass") \
    FAMILY(preference_manipulation, "preference-manipulation") \
    FAMILY(privacy_biometric, "privacy-biometric") \
    FAMILY(privilege_escalation, "privilege-escalation") \
    FAMILY(prompt_injection_tool_output, "prompt-injection-tool-output") \
    FAMILY(rug_pull, "rug-pull") \
    FAMILY(runaway_cost, "runaway-cost") \
    FAMILY(sampling_abuse, "sampling-abuse") \
    FAMILY(sandbox_escape, "sandbox-escape") \
    FAMILY(schema_abuse, "schema-abuse") \
    FAMILY(session_hijack, "session-hijack") \
    FAMILY(sql_injection, "sql-injection") \
    FAMILY(ssrf, "ssrf") \
    FAMILY(supply_chain, "supply-chain") \
    FAMILY(tenant_isolation, "tenant-isolation") \
    FAMILY(token_theft_passthrough, "token-theft-passthrough") \
    FAMILY(tool_poisoning, "tool-poisoning") \
    FAMILY(unicode_ansi_hidden, "unicode-ansi-hidden")

#define EMBED_FAMILY(name, file) EMBED(sluice_asset_attacks_##name, "attacks/" file ".json")
ATTACK_FAMILIES(EMBED_FAMILY)

#define CALL_FAMILY(name, file) sluice_asset_attacks_##name,
SluiceAsset sluice_asset_attacks(size_t index) {
    static SluiceAsset (*const families[])(void) = {ATTACK_FAMILIES(CALL_FAMILY)};
    return index < sizeof families / sizeof families[0] ? families[index]() : (SluiceAsset){NULL, 0};
}
