variable "name" {
  description = "Name of the budget."
  type        = string
}

variable "billing_account" {
  description = "Billing account that pays for the project."
  type        = string
}

variable "project_number" {
  description = "Number of the project whose costs count."
  type        = string
}

variable "monthly_amount" {
  description = "Amount a month, in the currency of the billing account."
  type        = number
}
