variable "name" {
  description = "Name of the budget."
  type        = string
}

variable "resource_group_id" {
  description = "Resource group whose cost counts."
  type        = string
}

variable "amount" {
  description = "What a month may cost, in the currency of the subscription."
  type        = number
}

variable "action_group_id" {
  description = "Who is told besides the owners of the subscription."
  type        = string
}
