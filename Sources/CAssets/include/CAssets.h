// The files of Assets/ that the programs carry in themselves.
#ifndef CASSETS_H
#define CASSETS_H

#include <stddef.h>

typedef struct {
    const unsigned char *bytes;
    size_t count;
} SluiceAsset;

// Assets/risk/rules.json
SluiceAsset sluice_asset_risk_rules(void);

// Assets/risk/findings.json
SluiceAsset sluice_asset_finding_rules(void);

// Assets/studio/prices.json
SluiceAsset sluice_asset_studio_prices(void);

// Assets/site/site.css
SluiceAsset sluice_asset_site_css(void);

// Assets/site/search.js
SluiceAsset sluice_asset_site_js(void);

// The files of Assets/attacks, by the order of their names; nothing behind the last one.
SluiceAsset sluice_asset_attacks(size_t index);

#endif
