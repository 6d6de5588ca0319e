// The head of the table.
import { circumstances } from './measure.ts'

console.log(`${circumstances()}\n`)
console.log('| what | figure | goal | remark |')
console.log('| --- | --- | --- | --- |')
