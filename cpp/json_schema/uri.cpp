#include "uri.hpp"

#include <algorithm>
#include <vector>

namespace tamis::schema {
namespace {

struct Parts {
  std::string_view scheme;
  std::optional<std::string_view> authority;
  std::string_view path;
  std::optional<std::string_view> query;
  std::optional<std::string_view> fragment;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::optional<Parts> split(std::string_view text) {
  Parts parts;
  if (const auto at = text.find('#'); at != std::string_view::npos) {
    parts.fragment = text.substr(at + 1);
    text = text.substr(0, at);
  }
  if (const auto at = text.find('?'); at != std::string_view::npos) {
    parts.query = text.substr(at + 1);
    text = text.substr(0, at);
  }
  if (const auto at = text.find(':'); at != std::string_view::npos && at > 0 && is_letter(text[0])) {
    const std::string_view scheme = text.substr(0, at);
    bool valid = true;
    for (const char c : scheme) {
      valid = valid && (is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.');
    }
    if (valid) {
      parts.scheme = scheme;
      text = text.substr(at + 1);
    }
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const std::string_view authority = text.substr(0, text.find('/'));
    if ((authority.find('[') == std::string_view::npos) != (authority.find(']') == std::string_view::npos)) {
      return std::nullopt;
    }
    parts.authority = authority;
    text.remove_prefix(authority.size());
  }
  parts.path = text;
  return parts;
}

std::string without_dot_segments(std::string_view path) {
  const bool is_absolute = path.starts_with('/');
  std::vector<std::string_view> kept;
  bool ends_with_slash = false;
  for (std::size_t at = is_absolute ? 1 : 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    ends_with_slash = false;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
      ends_with_slash = true;
    } else if (segment == ".") {
      ends_with_slash = true;
    } else {
      kept.push_back(segment);
    }
    at = end + 1;
  }
  std::string out = is_absolute ? "/" : "";
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i > 0) out.push_back('/');
    out += kept[i];
  }
  if (ends_with_slash && !out.ends_with('/')) out.push_back('/');
  return out;
}

}  // namespace

std::optional<std::pair<std::string, std::string>> resolve_uri(std::string_view base, std::string_view reference) {
  if (base.empty()) {
    const std::size_t at = std::min(reference.find('#'), reference.size());
    return std::pair{std::string(reference.substr(0, at)),
                     std::string(reference.substr(std::min(at + 1, reference.size())))};
  }
  const std::optional<Parts> from = split(base);
  const std::optional<Parts> to = split(reference);
  if (!from || !to) return std::nullopt;
  Parts out = *to;
  std::string path;
  if (!to->scheme.empty()) {
    path = to->authority ? without_dot_segments(to->path) : std::string(to->path);
  } else {
    out.scheme = from->scheme;
    if (to->authority) {
      path = without_dot_segments(to->path);
    } else {
      out.authority = from->authority;
      if (to->path.empty()) {
        path = std::string(from->path);
        if (!to->query) out.query = from->query;
      } else if (to->path.starts_with('/')) {
        path = without_dot_segments(to->path);
      } else {
        const std::size_t slash = from->path.rfind('/');
        std::string merged = from->authority && from->path.empty() ? "/" : "";
        if (slash != std::string_view::npos) merged = std::string(from->path.substr(0, slash + 1));
        merged += to->path;
        path = without_dot_segments(merged);
      }
    }
  }
  std::string uri;
  if (!out.scheme.empty()) uri.append(out.scheme).push_back(':');
  if (out.authority) uri.append("//").append(*out.authority);
  uri += path;
  if (out.query && !out.query->empty()) uri.append("?").append(*out.query);
  return std::pair{std::move(uri), std::string(to->fragment.value_or(""))};
}

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace tamis::schema
