// What one possible continuation of a text has in store for lists of threads that are still open.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace tamis::lark {

using ListId = std::uint32_t;

class Assumptions {
 public:
  struct Assumption {
    ListId list;
    bool matches;  // some thread of the list will match, or none ever will
  };

  // The answers to give to new questions, in their order; to those beyond them it is `true`.
  explicit Assumptions(std::vector<bool> answers) : answers_(std::move(answers)) {}

  bool will_match(ListId list) {
    for (const Assumption& a : taken_) {
      if (a.list == list) return a.matches;
    }
    if (asked_ == answers_.size()) answers_.push_back(true);
    taken_.push_back({list, answers_[asked_]});
    return answers_[asked_++];
  }

  // False if that contradicts what is assumed already.
  bool add(ListId list, bool matches) {
    for (const Assumption& a : taken_) {
      if (a.list == list) return a.matches == matches;
    }
    taken_.push_back({list, matches});
    return true;
  }

  const std::vector<Assumption>& taken() const { return taken_; }

  // What to answer in the next case: as before, but `false` to the last question that was answered by `true`.  Nothing
  // once every case was met.
  std::optional<std::vector<bool>> next_answers() const {
    std::vector<bool> next(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(asked_));
    while (!next.empty() && !next.back()) next.pop_back();
    if (next.empty()) return std::nullopt;
    next.back() = false;
    return next;
  }

 private:
  std::vector<bool> answers_;
  std::size_t asked_ = 0;
  std::vector<Assumption> taken_;
};

}  // namespace tamis::lark
