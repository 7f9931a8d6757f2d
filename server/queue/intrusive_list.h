// Doubly linked list whose links live in its items: no allocation, removal from the middle in O(1).
#pragma once

namespace sluice {

template <typename T>
struct ListLink {
  T* prev = nullptr;
  T* next = nullptr;
};

// Owns nothing. An item is in at most one list per link; the caller knows whether it is in one.
template <typename T, ListLink<T> T::* Link>
class IntrusiveList {
 public:
  bool empty() const { return head_ == nullptr; }
  T* front() const { return head_; }
  T* Next(const T& item) const { return (item.*Link).next; }

  void PushBack(T& item) { InsertBefore(nullptr, item); }
  void PushFront(T& item) { InsertBefore(head_, item); }

  // `position` null: at the end.
  void InsertBefore(T* position, T& item) {
    T* prev = position == nullptr ? tail_ : (position->*Link).prev;
    item.*Link = {prev, position};
    (prev == nullptr ? head_ : (prev->*Link).next) = &item;
    (position == nullptr ? tail_ : (position->*Link).prev) = &item;
  }

  void Remove(T& item) {
    ListLink<T>& link = item.*Link;
    (link.prev == nullptr ? head_ : (link.prev->*Link).next) = link.next;
    (link.next == nullptr ? tail_ : (link.next->*Link).prev) = link.prev;
    link = {};
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace sluice
