// URI references: resolution (RFC 3986, section 5.2) and percent-decoding.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tamis::schema {

// `reference` resolved against `base`, as (URI, fragment); none where the brackets of an authority do not match.
std::optional<std::pair<std::string, std::string>> resolve_uri(std::string_view base, std::string_view reference);

std::string percent_decoded(std::string_view text);

}  // namespace tamis::schema
